// TLS over any stream, on OpenSSL: as a client with verification, or as a server.
#pragma once

#include <memory>
#include <string>

#include "connectors/net/cancel_token.h"
#include "connectors/net/stream.h"
#include "connectors/net/tls_context.h"

namespace mailhaul::net {

// The handshake of a client; see Network::StartTls(). `context`: TlsContext::Client(). `cancel`
// may end it early (kCancelled). On success the deadline of the stream is unset. On failure
// `stream` has been closed: kTlsFailed when a check failed or the server does not speak TLS, else
// the failure of `stream`.
//
// The stream that results reads an end without close_notify as kUnreachable: somebody may have cut
// it short. While idle it holds one buffer of 16 KiB besides OpenSSL's state.
Task<Result<std::unique_ptr<Stream>>> ConnectTls(std::unique_ptr<Stream> stream,
                                                 std::shared_ptr<const TlsContext> context,
                                                 std::string host_name, TimePoint deadline,
                                                 CancelToken* cancel = nullptr);

// The handshake of a server, which asks for no certificate. `context`: TlsContext::Server().
// `cancel` as above. `foreign_answer` is written to a peer whose first byte is not one of TLS, in
// its own language, before the connection is closed.
Task<Result<std::unique_ptr<Stream>>> AcceptTls(std::unique_ptr<Stream> stream,
                                                std::shared_ptr<const TlsContext> context,
                                                TimePoint deadline, CancelToken* cancel = nullptr,
                                                std::string foreign_answer = {});

}  // namespace mailhaul::net
