// At most N logins in any window of one second.
#pragma once

#include <cstdint>
#include <memory>

#include "base/clock.h"

namespace mailhaul::scheduler {

class LoginWindow final {
 public:
  LoginWindow() = default;
  explicit LoginWindow(uint32_t logins_per_second) { SetLimit(logins_per_second); }

  // Remembers as many of the last logins as the new limit needs. > 0; above kLimitMax is kLimitMax.
  void SetLimit(uint32_t logins_per_second);

  // From when on one more login keeps the limit; far past when none is remembered that matters.
  TimePoint OpenAt() const;
  void Record(TimePoint now);
  void Prefetch() const { __builtin_prefetch(ring_.get()); }  // For a Record() soon.

  static constexpr uint32_t kLimitMax = 10'000;  // Bounds the memory of a pool (8 bytes each).

 private:
  TimePoint& At(uint32_t index) { return ring_[(oldest_ + index) % capacity_]; }
  void Resize(uint32_t capacity);

  std::unique_ptr<TimePoint[]> ring_;  // As large as one second has needed.
  uint32_t capacity_ = 0;
  uint32_t oldest_ = 0;
  uint32_t count_ = 0;  // <= limit_.
  uint32_t limit_ = 1;
};

}  // namespace mailhaul::scheduler
