#include "engine/http/token_rates.h"

#include <algorithm>

namespace mailhaul::http {

std::optional<Duration> TokenRates::Take(const std::string& token, TimePoint now) {
  if (per_second_ == 0) {
    return std::nullopt;
  }
  const Duration interval = Duration(std::chrono::seconds(1)) / per_second_;
  const Duration burst = std::chrono::seconds(kBurstSeconds);
  const auto known = full_at_.find(token);
  const TimePoint full_at = known == full_at_.end() ? now : std::max(known->second, now);
  const TimePoint after = full_at + interval;
  if (after - now > burst) {
    return after - now - burst;
  }
  if (known != full_at_.end()) {
    known->second = after;
    return std::nullopt;
  }
  if (full_at_.size() >= drop_at_size_) {
    DropFull(now);
  }
  full_at_.emplace(token, after);
  return std::nullopt;
}

void TokenRates::DropFull(TimePoint now) {
  std::erase_if(full_at_, [now](const auto& entry) { return entry.second <= now; });
  // Not again at every new token when most are busy.
  drop_at_size_ = std::max<size_t>(1024, full_at_.size() * 2);
}

}  // namespace mailhaul::http
