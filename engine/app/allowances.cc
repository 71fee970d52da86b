#include "engine/app/allowances.h"

#include <algorithm>

namespace mailhaul::app {

std::optional<Duration> Allowances::Take(const std::string& key, TimePoint now) {
  const auto known = full_at_.find(key);
  const TimePoint full_at = known == full_at_.end() ? now : std::max(known->second, now);
  const TimePoint after = full_at + interval_;
  if (after - now > burst_) {
    return after - now - burst_;
  }
  if (known != full_at_.end()) {
    known->second = after;
    return std::nullopt;
  }
  if (full_at_.size() >= drop_at_size_) {
    std::erase_if(full_at_, [now](const auto& entry) { return entry.second <= now; });
    drop_at_size_ = std::max<size_t>(1024, full_at_.size() * 2);
  }
  full_at_.emplace(key, after);
  return std::nullopt;
}

void Allowances::GiveBack(const std::string& key) {
  if (const auto known = full_at_.find(key); known != full_at_.end()) {
    known->second -= interval_;
  }
}

}  // namespace mailhaul::app
