#include "connectors/net/loop.h"
#include "connectors/pop3/commands.h"

namespace mailhaul::pop3 {

net::Task<void> Quit(Connection& connection) {
  connection.SetOverallDeadline(net::Loop::Current()->Now() + kQuitTime);
  std::string command = "QUIT\r\n";
  const Result<StatusLine> done = co_await connection.Run(std::move(command), Body::kNone);
  // Nothing was marked for deletion: whatever the answer, the same close follows.
  static_cast<void>(done.ok());
}

}  // namespace mailhaul::pop3
