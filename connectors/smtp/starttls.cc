#include <string>
#include <utility>

#include "connectors/smtp/login.h"
#include "connectors/smtp/refusal.h"

namespace mailhaul::smtp {

net::Task<Status> StartTls(Dialer& dialer, ServerAddress server, const Extensions& extensions,
                           std::unique_ptr<Connection>* connection) {
  const std::string peer = (*connection)->peer_name();
  if (!extensions.starttls) {
    co_return Status(Code::kTlsFailed, peer + " does not offer STARTTLS; try security: tls");
  }
  std::string line = "STARTTLS\r\n";
  CO_TRY(const Reply reply, (*connection)->Command(std::move(line)));
  if (reply.code != 220) {
    Refusal refusal = ClassifyRefusal(reply, Step::kStartTls, "STARTTLS");
    co_return refusal.status;
  }
  if (!(*connection)->NothingUnread()) {
    co_return Status(Code::kTlsFailed,
                     peer +
                         " sent plaintext after its STARTTLS answer: somebody may be injecting "
                         "replies");
  }
  Result<std::unique_ptr<net::Stream>> secured =
      co_await dialer.UpgradeToTls((*connection)->ReleaseStream(), server);
  if (!secured.ok()) {
    connection->reset();
    co_return secured.status();
  }
  // A new connection: parser state and unread bytes of the plain one are gone.
  *connection = std::make_unique<Connection>(std::move(*secured));
  if (!(*connection)->secure()) {
    co_return Status(Code::kTlsFailed, peer + " has no verified TLS after STARTTLS");
  }
  co_return Status::Ok();
}

}  // namespace mailhaul::smtp
