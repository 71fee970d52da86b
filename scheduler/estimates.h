// Running averages: how long work takes, how much mail comes. Small, and the same on every machine.
#pragma once

#include <cstdint>

#include "base/clock.h"

namespace mailhaul::scheduler {

// The exponentially weighted mean of durations; each new one counts an eighth.
class MeanDuration final {
 public:
  void Record(Duration duration);
  bool known() const { return seconds_ >= 0; }
  Duration value() const;  // Zero until known.
  Duration value_or(Duration assumed) const { return known() ? value() : assumed; }

 private:
  float seconds_ = -1;
};

// How often something happens, on average over about half a minute. Between events it fades.
class EventRate final {
 public:
  void Record(TimePoint now);
  float PerSecond(TimePoint now) const;

 private:
  TimePoint recorded_at_{};
  float per_second_ = 0;
};

// Messages per hour, an average that fades over about a day.
class ArrivalRate final {
 public:
  // `messages` came since the call before. The first call only sets the beginning: what a mailbox
  // holds when it is first seen says nothing about what comes.
  void Record(uint32_t messages, TimePoint now);
  float per_hour() const { return per_hour_; }
  // Between 0 (no mail) and 1 (much mail), one half at kBusyPerHour.
  double busyness() const;

  static constexpr float kBusyPerHour = 4;

 private:
  float per_hour_ = 0;
  uint32_t recorded_at_ = 0;  // Second of the last call; 0: none.
};

}  // namespace mailhaul::scheduler
