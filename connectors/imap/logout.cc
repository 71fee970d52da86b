#include <utility>

#include "connectors/imap/commands.h"
#include "connectors/net/loop.h"

namespace mailhaul::imap {

net::Task<void> Logout(Connection& connection, std::string sent_tag) {
  const TimePoint deadline = net::Loop::Current()->Now() + kLogoutTime;
  connection.SetOverallDeadline(deadline);
  IgnoreUntagged ignore;
  if (sent_tag.empty()) {
    EncodedCommand command = PlainCommand(connection.NextTag(), "LOGOUT");
    const Result<Response> done = co_await connection.Run(std::move(command), ignore);
    // The usual end is the server's BYE; that and every failure lead to the same close.
    static_cast<void>(done.ok());
  } else {
    const Result<Response> done = co_await connection.Await(std::move(sent_tag), ignore);
    static_cast<void>(done.ok());
  }
  co_await connection.AwaitEnd(deadline);
}

}  // namespace mailhaul::imap
