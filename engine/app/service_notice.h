// Tells the service manager how the process is (sd_notify(3)): datagrams to the socket that
// NOTIFY_SOCKET names. Without one nothing is told.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "engine/app/control_socket.h"
#include "engine/config/config.h"

namespace mailhaul::app {

// Any thread. A manager that does not listen is no failure: it restarts whom it does not hear of.
class ServiceNotice final {
 public:
  // `environment`: NOTIFY_SOCKET, a path or "@" and an abstract name; WATCHDOG_USEC and
  // WATCHDOG_PID, of which `process` is to be the value, if it is set.
  ServiceNotice(config::EnvironmentLookup environment, int64_t process);

  bool listened_to() const { return !address_.empty(); }
  // How often KeepAlive() is to be called: half of what the manager waits. Absent: never.
  std::optional<Duration> keep_alive_every() const { return keep_alive_every_; }

  void Ready(std::string_view status) const;
  // `now`: of the monotonic clock. Ready() ends it.
  void Reloading(TimePoint now) const;
  void Stopping() const;
  void KeepAlive() const;

 private:
  void Send(const std::string& message) const;

  std::string address_;  // As in sockaddr_un; "": there is none.
  std::optional<Duration> keep_alive_every_;
};

}  // namespace mailhaul::app
