// From a dialled stream to a logged-in connection: greeting, STARTTLS, CAPABILITY, login, ID.
//
// The order is fixed so that no path leads from "TLS required" to a login without TLS: whatever was
// said before the handshake (capabilities, greeting, unread bytes) is forgotten or fatal.
#pragma once

#include <memory>

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

// AUTHENTICATE PLAIN or LOGIN, and the capabilities that hold afterwards.
net::Task<Result<Capabilities>> Login(Connection& connection, Capabilities capabilities,
                                      const Credentials& credentials);

// ID (RFC 2971): some servers want to know the client before they open a folder.
// Goes out with the next command; whether the server likes our name does not matter.
void SendId(Connection* connection);

}  // namespace mailhaul::imap
