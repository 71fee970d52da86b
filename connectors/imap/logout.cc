#include <utility>

#include "connectors/imap/commands.h"
#include "connectors/net/loop.h"

namespace mailhaul::imap {

std::string AppendLogout(Connection* connection) {
  EncodedCommand command = PlainCommand(connection->NextTag(), "LOGOUT");
  std::string tag = command.tag;
  connection->Append(std::move(command));
  return tag;
}

net::Task<void> Logout(Connection& connection, std::string sent_tag) {
  const TimePoint deadline = net::Loop::Current()->Now() + kLogoutTime;
  connection.SetOverallDeadline(deadline);
  if (sent_tag.empty()) {
    sent_tag = AppendLogout(&connection);
    const Status sent = co_await connection.Write("");
    static_cast<void>(sent.ok());
  }
  IgnoreUntagged ignore;
  const Result<Response> done = co_await connection.Await(std::move(sent_tag), ignore);
  // The usual end is the server's BYE; that and every failure lead to the same close.
  static_cast<void>(done.ok());
  co_await connection.AwaitEnd(deadline);
}

}  // namespace mailhaul::imap
