// When to try again, and how often at most.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>

#include "base/clock.h"
#include "base/random.h"

namespace mailhaul::send {

// For how long a submission is tried, unless configured: what RFC 5321 (4.5.4.1) asks at least.
inline constexpr std::chrono::hours kRetryForDefault{5 * 24};

// After the attempt number `attempts`, from 1: a minute, doubled each time up to an hour, spread
// over the second half of that.
std::chrono::milliseconds RetryDelay(uint32_t attempts, Random& random);
// Between looks into Sent for an uncertain submission, by how many there were before: 10 s after
// the first, because the server may still be filing it, a day in all.
std::chrono::milliseconds SettleDelay(uint32_t looks);

// At most so many in any window of one minute. Bounded by its limit.
class MinuteWindow final {
 public:
  // When one more may go; a time in the past: now. `limit` 0: any number.
  TimePoint NextAt(uint32_t limit, TimePoint now);
  void Note(uint32_t limit, TimePoint now);

 private:
  std::deque<TimePoint> taken_;
};

}  // namespace mailhaul::send
