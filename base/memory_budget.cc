#include "base/memory_budget.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/check.h"

namespace mailhaul {

MemoryBudget::MemoryBudget(size_t bytes_max) : bytes_max_(bytes_max) { MH_CHECK(bytes_max > 0); }

MemoryBudget::~MemoryBudget() { MH_CHECK(waiters_.empty()); }

bool MemoryBudget::FitsLocked(size_t bytes) const {
  return taken_ == 0 || (taken_ <= bytes_max_ && bytes <= bytes_max_ - taken_);
}

bool MemoryBudget::TryTake(size_t bytes) {
  const std::lock_guard lock(mutex_);
  if (!waiters_.empty() || !FitsLocked(bytes)) {
    return false;
  }
  taken_ += bytes;
  peak_ = std::max(peak_, taken_);
  return true;
}

void MemoryBudget::Take(size_t bytes, std::function<void()> granted) {
  {
    const std::lock_guard lock(mutex_);
    if (!waiters_.empty() || !FitsLocked(bytes)) {
      waiters_.push_back({.bytes = bytes, .granted = std::move(granted)});
      return;
    }
    taken_ += bytes;
    peak_ = std::max(peak_, taken_);
  }
  granted();
}

void MemoryBudget::ForceTake(size_t bytes) {
  const std::lock_guard lock(mutex_);
  taken_ += bytes;
  peak_ = std::max(peak_, taken_);
}

void MemoryBudget::Give(size_t bytes) {
  std::vector<std::function<void()>> ready;
  {
    const std::lock_guard lock(mutex_);
    MH_CHECK(bytes <= taken_);
    taken_ -= bytes;
    while (!waiters_.empty() && FitsLocked(waiters_.front().bytes)) {
      taken_ += waiters_.front().bytes;
      peak_ = std::max(peak_, taken_);
      ready.push_back(std::move(waiters_.front().granted));
      waiters_.pop_front();
    }
  }
  for (auto& granted : ready) {
    granted();
  }
}

size_t MemoryBudget::bytes_taken() const {
  const std::lock_guard lock(mutex_);
  return taken_;
}

size_t MemoryBudget::bytes_peak() const {
  const std::lock_guard lock(mutex_);
  return peak_;
}

}  // namespace mailhaul
