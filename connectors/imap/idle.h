// IDLE (RFC 2177): waiting for news of the open folder.
#pragma once

#include "base/result.h"
#include "connectors/imap/connection.h"
#include "connectors/net/task.h"

namespace mailhaul::imap {

// One wait at a time. While the server idles its silence is no failure; it has command_timeout to
// accept IDLE, and as long to end it.
class IdleWait final {
 public:
  // At most `wait_max`, in pieces of kIdleTime: true for news, false when the time is over or
  // Stop() was called. kServerRefused when the server does not want to.
  net::Task<Result<bool>> Run(Connection& connection, Duration wait_max);
  // Ends a running Run() soon. From any callback of the loop.
  void Stop();

 private:
  // One IDLE, which the server has accepted, up to `end` or the first news.
  net::Task<Status> Idle(Connection& connection, std::string tag, TimePoint end);
  net::Task<Status> Begin(Connection& connection, const std::string& tag);
  net::Task<Status> UntilDone(Connection& connection, const std::string& tag);
  // Waits for End(), then says DONE.
  net::Task<void> SayDone(Connection& connection);
  void End();

  net::TaskGroup saying_done_;
  net::OneShot<bool> end_;
  bool idling_ = false;
  bool ended_ = false;  // end_ has been set.
  bool stopped_ = false;
};

}  // namespace mailhaul::imap
