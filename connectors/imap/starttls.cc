#include <string>
#include <utility>

#include "connectors/imap/login.h"
#include "connectors/imap/refusal.h"

namespace mailhaul::imap {

net::Task<Status> StartTls(Dialer& dialer, ServerAddress server, Greeting greeting,
                           Duration command_timeout, std::unique_ptr<Connection>* connection) {
  const std::string peer = (*connection)->peer_name();
  if (greeting.preauthenticated) {
    // The server would skip TLS: STARTTLS is not allowed after PREAUTH (RFC 9051 section 7.1.4).
    co_return Status(Code::kTlsFailed, peer + " greets with PREAUTH, which prevents STARTTLS");
  }
  Capabilities capabilities = std::move(greeting.capabilities);
  if (!capabilities.known()) {
    CO_TRY(capabilities, AskCapabilities(**connection));
  }
  if (!capabilities.Has("STARTTLS")) {
    co_return Status(Code::kTlsFailed, peer + " does not offer STARTTLS; try security: tls");
  }
  IgnoreUntagged drop;
  EncodedCommand command = PlainCommand((*connection)->NextTag(), "STARTTLS");
  CO_TRY(const Response done, (*connection)->Run(std::move(command), drop));
  if (done.condition != Condition::kOk) {
    co_return ClassifyRefusal(done, "STARTTLS", Code::kTlsFailed);
  }
  if (!(*connection)->NothingUnread()) {
    co_return Status(Code::kTlsFailed,
                     peer +
                         " sent plaintext after its STARTTLS answer: somebody may be injecting "
                         "responses");
  }
  Result<std::unique_ptr<net::Stream>> secured =
      co_await dialer.UpgradeToTls((*connection)->ReleaseStream(), std::move(server));
  if (!secured.ok()) {
    connection->reset();
    co_return secured.status();
  }
  if (!(*secured)->secure()) {
    co_return Status(Code::kTlsFailed, peer + " has no verified TLS after STARTTLS");
  }
  // A new connection: parser state, tags and capabilities of the plain one are gone.
  *connection = std::make_unique<Connection>(std::move(*secured), command_timeout);
  co_return Status::Ok();
}

}  // namespace mailhaul::imap
