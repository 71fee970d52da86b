// From a dialled stream to a session that may send: greeting, EHLO, STARTTLS, AUTH.
//
// The order is fixed so that no path leads from "TLS required" to AUTH or MAIL without TLS: what
// was said before the handshake is forgotten or fatal.
#pragma once

#include <memory>
#include <string>

#include "base/random.h"
#include "connectors/connector.h"
#include "connectors/dialer.h"
#include "connectors/sasl/mechanism.h"
#include "connectors/smtp/connection.h"
#include "connectors/smtp/extensions.h"

namespace mailhaul::smtp {

// 220. kUnreachable or kThrottled when the server hangs up or refuses.
net::Task<Status> ReadGreeting(Connection& connection);

// EHLO, or HELO where that is allowed and EHLO unknown.
net::Task<Result<Extensions>> SayHello(Connection& connection, std::string client_name,
                                       bool allow_helo);

// STARTTLS and the handshake; `*connection` is replaced by one over TLS. kTlsFailed for every way
// in which the server does not do it cleanly. EHLO must follow.
net::Task<Status> StartTls(Dialer& dialer, ServerAddress server, const Extensions& extensions,
                           std::unique_ptr<Connection>* connection);

// AUTH with the best mechanism (RFC 4954).
net::Task<Status> Login(Connection& connection, const Extensions& extensions,
                        const Credentials& credentials, const sasl::MechanismContext& context,
                        Random& random);

}  // namespace mailhaul::smtp
