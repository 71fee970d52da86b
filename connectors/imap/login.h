// From a dialled stream to a logged-in connection: greeting, STARTTLS, CAPABILITY, login, ID.
//
// The order is fixed so that no path leads from "TLS required" to a login without TLS: whatever was
// said before the handshake (capabilities, greeting, unread bytes) is forgotten or fatal.
#pragma once

#include <memory>
#include <string>

#include "connectors/imap/capabilities.h"
#include "connectors/imap/connection.h"
#include "connectors/imap/imap_session.h"

namespace mailhaul::imap {

struct Greeting {
  bool preauthenticated = false;
  Capabilities capabilities;  // Known if the greeting carried them.
};

// kUnreachable or kThrottled when the server hangs up or says BYE instead.
net::Task<Result<Greeting>> ReadGreeting(Connection& connection);

// STARTTLS and the handshake; `*connection` is replaced by one over TLS. kTlsFailed for every way
// in which the server does not do it cleanly.
net::Task<Status> StartTls(Dialer& dialer, ServerAddress server, Greeting greeting,
                           Duration command_timeout, std::unique_ptr<Connection>* connection);

// CAPABILITY.
net::Task<Result<Capabilities>> AskCapabilities(Connection& connection);

// What a login leads to.
struct LoggedIn {
  std::unique_ptr<Connection> connection;
  Capabilities capabilities;             // Without what is broken.
  std::string list_tag;                  // Of a LIST that is under way with the login; empty: none.
  std::vector<std::string> status_tags;  // Or of a STATUS for each remembered folder.
  std::string logout_tag;                // Of a LOGOUT behind these; empty: none.
  bool introduced = false;               // Introduce() has been called.
};

// ID and ENABLE, where offered: they go out with the next command. To be called once, before a
// folder is opened; a session that only lists folders does without.
void Introduce(const Capabilities& capabilities, const SessionOptions& options,
               Connection* connection);

// All of it, but for Introduce() where listing folders needs none.
net::Task<Result<LoggedIn>> Establish(Dialer& dialer, ServerAddress server, Credentials credentials,
                                      std::optional<net::IpAddress> egress,
                                      const SessionOptions& options);

}  // namespace mailhaul::imap
