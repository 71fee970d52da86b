#include <utility>

#include "connectors/pop3/login.h"
#include "connectors/pop3/refusal.h"

namespace mailhaul::pop3 {

net::Task<Status> StartTls(Dialer& dialer, ServerAddress server, Duration command_timeout,
                           std::unique_ptr<Connection>* connection) {
  const std::string peer = (*connection)->peer_name();
  std::string command = "STLS\r\n";
  CO_TRY(const StatusLine answer, (*connection)->Run(std::move(command), Body::kNone));
  if (answer.kind != StatusKind::kOk) {
    const Status refused = ClassifyRefusal(answer, "STLS", Code::kTlsFailed);
    co_return refused.WithContext(peer + " gives no TLS; try security: tls");
  }
  if (!(*connection)->NothingUnread()) {
    co_return Status(Code::kTlsFailed,
                     peer +
                         " sent plaintext after its STLS answer: somebody may be injecting "
                         "responses");
  }
  Result<std::unique_ptr<net::Stream>> secured =
      co_await dialer.UpgradeToTls((*connection)->ReleaseStream(), std::move(server));
  if (!secured.ok()) {
    connection->reset();
    co_return secured.status();
  }
  const bool secure = (*secured)->secure();
  // A new connection: the parser's state and all that was said over the plain one are gone.
  *connection = std::make_unique<Connection>(std::move(*secured), command_timeout);
  if (!secure) {
    co_return Status(Code::kTlsFailed, peer + " has no verified TLS after STLS");
  }
  co_return Status::Ok();
}

}  // namespace mailhaul::pop3
