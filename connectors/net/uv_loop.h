// The real event loop, on libuv: one thread calls Run() and stays in it until Stop().
//
// Everything that belongs to the loop (networks, streams, listeners) dies before it and after, or
// on, its thread; the destructor then waits for libuv to confirm that their handles are closed.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "connectors/net/loop.h"
#include "connectors/net/wake_fd.h"

struct uv_loop_s;

namespace mailhaul::net {

class UvLoop final : public Loop {
 public:
  UvLoop();  // Makes the process ignore SIGPIPE.
  ~UvLoop() override;

  // Runs on the calling thread until Stop(). Once.
  void Run();
  // Thread-safe. What was posted before still runs; what is posted later is destroyed unrun.
  void Stop();
  // After Run() has ended, on no loop's thread: what belongs to the loop is gone, its handles are
  // closed. From then on it is there only to be posted to by threads that have not ended yet.
  void Close();

  TimePoint Now() const override { return clock_.Now(); }
  void Post(std::function<void()> work) override;
  TimerId AddTimer(TimePoint when, std::function<void()> fire) override;
  void CancelTimer(TimerId id) override;

  uv_loop_s* raw() const;  // For the files of this folder.

 private:
  struct Handles;

  void OnFirstReady() override;
  void OnWake();
  void OnCheck();
  void OnTimer();
  void ArmTimer();

  const SystemClock clock_;
  const std::unique_ptr<Handles> handles_;
  bool closing_ = false;  // Or closed.

  // Loop thread only. One uv_timer_t serves them all.
  std::map<std::pair<TimePoint, TimerId>, std::function<void()>> timers_;
  std::unordered_map<TimerId, TimePoint> timer_times_;
  TimerId last_timer_ = 0;

  const std::shared_ptr<const WakeFd> wake_;
  std::mutex mutex_;
  std::vector<std::function<void()>> posted_;  // Guarded by mutex_. Bounded by its callers.
  bool stopping_ = false;                      // Guarded by mutex_.
};

}  // namespace mailhaul::net
