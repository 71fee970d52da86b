#include <string>
#include <utility>

#include "connectors/pop3/login.h"
#include "connectors/pop3/refusal.h"

namespace mailhaul::pop3 {

net::Task<Status> AskForUtf8(Connection& connection, const Capabilities& capabilities) {
  if (!capabilities.Has("UTF8")) {
    co_return Status::Ok();
  }
  std::string command = "UTF8\r\n";
  CO_TRY(const StatusLine answer, connection.Run(std::move(command), Body::kNone));
  if (answer.kind == StatusKind::kContinue) {
    co_return Status(Code::kProtocol, "the server asks for data that no command announced");
  }
  if (answer.kind == StatusKind::kError) {
    const Status refused = ClassifyRefusal(answer, "UTF8", Code::kServerRefused);
    if (ConcernsSession(refused)) {
      co_return refused;
    }
  }
  co_return Status::Ok();
}

}  // namespace mailhaul::pop3
