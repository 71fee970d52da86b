// The one deadline of a stream, on a loop timer that is armed only while something waits and never
// re-armed for a deadline that merely moves later: a busy stream moves it with every command.
#pragma once

#include <functional>

#include "base/clock.h"
#include "connectors/net/loop.h"

namespace mailhaul::net {

// Belongs to one loop, which outlives it.
class DeadlineTimer final {
 public:
  // `expired` is called from a timer, at most once per passed deadline; it may destroy nothing.
  DeadlineTimer(Loop& loop, std::function<void()> expired)
      : loop_(loop), expired_(std::move(expired)) {}
  ~DeadlineTimer() { Cancel(); }
  DeadlineTimer(const DeadlineTimer&) = delete;
  DeadlineTimer& operator=(const DeadlineTimer&) = delete;

  // TimePoint::max(): none.
  void Set(TimePoint deadline);
  TimePoint deadline() const { return deadline_; }
  bool HasPassed() const { return deadline_ != TimePoint::max() && loop_.Now() >= deadline_; }
  // Something waits from now on: calls `expired` when the deadline passes.
  void Watch();
  // Nothing waits any more. The timer may stay armed; it then fires without effect.
  void Unwatch() { watching_ = false; }
  void Cancel();

 private:
  void Arm();
  void OnTimer();

  Loop& loop_;
  const std::function<void()> expired_;
  TimePoint deadline_ = TimePoint::max();
  TimePoint armed_for_ = TimePoint::max();  // While timer_ is not 0.
  Loop::TimerId timer_ = 0;
  bool watching_ = false;
};

}  // namespace mailhaul::net
