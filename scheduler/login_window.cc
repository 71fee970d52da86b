#include "scheduler/login_window.h"

#include <algorithm>

#include "base/check.h"

namespace mailhaul::scheduler {

void LoginWindow::SetLimit(uint32_t logins_per_second) {
  MH_CHECK(logins_per_second > 0);
  limit_ = std::min(logins_per_second, kLimitMax);
  const auto oldest = recent_.begin() + static_cast<std::ptrdiff_t>(oldest_);
  std::rotate(recent_.begin(), oldest, recent_.end());
  oldest_ = 0;
  if (recent_.size() > limit_) {
    recent_.erase(recent_.begin(), recent_.end() - static_cast<std::ptrdiff_t>(limit_));
  }
}

TimePoint LoginWindow::OpenAt() const {
  if (recent_.size() < limit_) {
    return TimePoint::min();
  }
  return recent_[oldest_] + std::chrono::seconds(1);
}

void LoginWindow::Record(TimePoint now) {
  if (recent_.size() < limit_) {
    recent_.push_back(now);
    return;
  }
  recent_[oldest_] = now;
  oldest_ = (oldest_ + 1) % recent_.size();
}

}  // namespace mailhaul::scheduler
