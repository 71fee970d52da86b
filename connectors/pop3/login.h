// From a dialled stream to a logged-in connection: greeting, STLS, CAPA, UTF8, login.
//
// The order is fixed so that no path leads from "TLS required" to a login without TLS: whatever was
// said before the handshake (the greeting and its timestamp, unread bytes) is forgotten or fatal.
#pragma once

#include <memory>
#include <string>

#include "base/random.h"
#include "connectors/connector.h"
#include "connectors/dialer.h"
#include "connectors/pop3/capabilities.h"
#include "connectors/pop3/connection.h"

namespace mailhaul::pop3 {

struct Greeting {
  std::string timestamp;  // "<...@...>" for APOP; "" if there is none.
};

// kUnreachable or kThrottled when the server hangs up or says -ERR instead.
net::Task<Result<Greeting>> ReadGreeting(Connection& connection);

// The timestamp within the text of a greeting (RFC 1939 section 7, APOP), or "".
std::string FindTimestamp(std::string_view greeting);

// STLS and the handshake; `*connection` is replaced by one over TLS. kTlsFailed for every way in
// which the server does not do it cleanly.
net::Task<Status> StartTls(Dialer& dialer, ServerAddress server, Duration command_timeout,
                           std::unique_ptr<Connection>* connection);

// CAPA; a server that does not know it has no capabilities.
net::Task<Result<Capabilities>> AskCapabilities(Connection& connection);

// UTF8 (RFC 6856), where offered. Without it Courier wraps messages with 8-bit headers into an
// apology, another one at each RETR. A server that refuses goes on without.
net::Task<Status> AskForUtf8(Connection& connection, const Capabilities& capabilities);

// The best login that server and credentials have in common (pop3_session.h).
net::Task<Status> Login(Connection& connection, const Capabilities& capabilities,
                        const Greeting& greeting, const ServerAddress& server,
                        const Credentials& credentials, Random& random);

// AUTH with a SASL mechanism (RFC 5034). `*done` is false, and nothing was sent, when none of
// `offered` fits.
net::Task<Status> LoginWithSasl(Connection& connection, const Capabilities& capabilities,
                                std::vector<std::string> offered, const ServerAddress& server,
                                const Credentials& credentials, Random& random, bool* done);

// The Status of a refused login; never repeats a secret that the server quotes.
Status LoginRefusal(StatusLine refusal, std::string_view what, const Capabilities& capabilities,
                    const Credentials& credentials);

}  // namespace mailhaul::pop3
