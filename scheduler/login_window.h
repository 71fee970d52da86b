// At most N logins in any window of one second.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/clock.h"

namespace mailhaul::scheduler {

class LoginWindow final {
 public:
  explicit LoginWindow(uint32_t logins_per_second) { SetLimit(logins_per_second); }

  // Remembers as many of the last logins as the new limit needs. > 0; above kLimitMax is kLimitMax.
  void SetLimit(uint32_t logins_per_second);

  // From when on one more login keeps the limit; far past when none is remembered that matters.
  TimePoint OpenAt() const;
  void Record(TimePoint now);

  static constexpr uint32_t kLimitMax = 10'000;  // Bounds the memory of a pool (8 bytes each).

 private:
  uint32_t limit_ = 0;
  std::vector<TimePoint> recent_;  // A ring once it holds `limit_` logins.
  size_t oldest_ = 0;
};

}  // namespace mailhaul::scheduler
