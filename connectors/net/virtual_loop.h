// A loop in virtual time: runs on the calling thread, and its clock jumps to the next timer when
// nothing else is left to do. The same inputs give the same order of events, always.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <utility>

#include "base/clock.h"
#include "connectors/net/loop.h"
#include "connectors/net/task.h"

namespace mailhaul::net {

// Moves only when told.
class VirtualClock final : public Clock {
 public:
  explicit VirtualClock(WallTime start) : start_(start) {}
  TimePoint Now() const override { return now_; }
  WallTime WallNow() const override {
    return start_ + std::chrono::duration_cast<std::chrono::milliseconds>(now_.time_since_epoch());
  }
  void AdvanceTo(TimePoint when) { now_ = std::max(now_, when); }

 private:
  const WallTime start_;
  TimePoint now_{};
};

// Single-threaded: Post() too must come from the thread that runs it.
class VirtualLoop final : public Loop {
 public:
  explicit VirtualLoop(VirtualClock& clock) : clock_(clock) {}

  TimePoint Now() const override { return clock_.Now(); }
  void Post(std::function<void()> work) override { posted_.push_back(std::move(work)); }
  TimerId AddTimer(TimePoint when, std::function<void()> fire) override;
  void CancelTimer(TimerId id) override;

  // Runs until `done` holds; false when nothing is left to do before that, or `until` has come.
  bool RunUntil(const std::function<bool()>& done, TimePoint until = TimePoint::max());
  // Runs what is due now, without moving the clock.
  void RunDue();
  // Runs `task` to its end. MH_CHECKs that it ends.
  template <typename T>
  T Await(Task<T> task);

  uint64_t steps() const { return steps_; }  // Callbacks and resumptions so far.

 private:
  bool Step(TimePoint until);

  VirtualClock& clock_;
  std::deque<std::function<void()>> posted_;
  std::map<std::pair<TimePoint, TimerId>, std::function<void()>> timers_;
  std::map<TimerId, TimePoint> times_;
  TimerId last_timer_ = 0;
  uint64_t steps_ = 0;
};

namespace internal {

template <typename T>
Task<void> StoreResult(Task<T> task, std::optional<T>* out) {
  T value = co_await std::move(task);
  out->emplace(std::move(value));
}

inline Task<void> StoreDone(Task<void> task, bool* done) {
  co_await std::move(task);
  *done = true;
}

}  // namespace internal

template <typename T>
T VirtualLoop::Await(Task<T> task) {
  TaskGroup group;
  const CurrentScope scope(this);
  if constexpr (std::is_void_v<T>) {
    bool done = false;
    group.Spawn(internal::StoreDone(std::move(task), &done));
    MH_CHECK(RunUntil([&] { return done && group.running() == 0; }));
  } else {
    std::optional<T> value;
    group.Spawn(internal::StoreResult<T>(std::move(task), &value));
    MH_CHECK(RunUntil([&] { return value.has_value() && group.running() == 0; }));
    return std::move(*value);
  }
}

}  // namespace mailhaul::net
