#include "connectors/net/loop.h"
#include "connectors/pop3/commands.h"

namespace mailhaul::pop3 {

net::Task<void> Quit(Connection& connection) {
  const TimePoint deadline = net::Loop::Current()->Now() + kQuitTime;
  connection.SetOverallDeadline(deadline);
  std::string command = "QUIT\r\n";
  const Result<StatusLine> done = co_await connection.Run(std::move(command), Body::kNone);
  // Nothing was marked for deletion: whatever the answer, the same close follows.
  static_cast<void>(done.ok());
  co_await connection.AwaitEnd(deadline);
}

}  // namespace mailhaul::pop3
