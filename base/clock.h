// Time as an injected dependency. Nothing but SystemClock reads the operating system's clocks.
#pragma once

#include <chrono>
#include <cstdint>

namespace mailhaul {

using Duration = std::chrono::nanoseconds;

// Monotonic time: for deadlines, waits and rates. Its zero has no meaning.
struct MonotonicClockTag {
  using rep = int64_t;
  using period = std::nano;
  using duration = Duration;
  using time_point = std::chrono::time_point<MonotonicClockTag, Duration>;
  static constexpr bool is_steady = true;
};
using TimePoint = MonotonicClockTag::time_point;

// Wall time, UTC, milliseconds since 1970: for what is stored and shown.
using WallTime = std::chrono::sys_time<std::chrono::milliseconds>;

// Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual TimePoint Now() const = 0;
  virtual WallTime WallNow() const = 0;
};

class SystemClock final : public Clock {
 public:
  TimePoint Now() const override;
  WallTime WallNow() const override;
};

}  // namespace mailhaul
