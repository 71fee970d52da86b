#include "scheduler/login_window.h"

#include <algorithm>

#include "base/check.h"

namespace mailhaul::scheduler {

void LoginWindow::SetLimit(uint32_t logins_per_second) {
  MH_CHECK(logins_per_second > 0);
  limit_ = std::min(logins_per_second, kLimitMax);
  while (count_ > limit_) {
    oldest_ = (oldest_ + 1) % capacity_;
    --count_;
  }
}

TimePoint LoginWindow::OpenAt() const {
  return count_ < limit_ ? TimePoint::min() : ring_[oldest_] + std::chrono::seconds(1);
}

void LoginWindow::Record(TimePoint now) {
  while (count_ == limit_ || (count_ > 0 && ring_[oldest_] + std::chrono::seconds(1) <= now)) {
    oldest_ = (oldest_ + 1) % capacity_;
    --count_;
  }
  if (count_ == capacity_) {
    Resize(std::min(std::max(capacity_ * 2, uint32_t{2}), limit_));
  }
  At(count_) = now;
  ++count_;
}

void LoginWindow::Resize(uint32_t capacity) {
  auto ring = std::make_unique<TimePoint[]>(capacity);
  for (uint32_t i = 0; i < count_; ++i) {
    ring[i] = At(i);
  }
  ring_ = std::move(ring);
  capacity_ = capacity;
  oldest_ = 0;
}

}  // namespace mailhaul::scheduler
