#include "engine/send/send_policy.h"

#include <algorithm>
#include <array>

namespace mailhaul::send {
namespace {

constexpr std::chrono::milliseconds kFirst = std::chrono::minutes(1);
constexpr std::chrono::milliseconds kLast = std::chrono::hours(1);
constexpr uint32_t kDoublingsMax = 10;
constexpr Duration kWindow = std::chrono::minutes(1);

constexpr std::array<std::chrono::milliseconds, 5> kSettleDelays = {
    std::chrono::seconds(10), std::chrono::minutes(1), std::chrono::minutes(10),
    std::chrono::hours(1), std::chrono::hours(22)};

}  // namespace

std::chrono::milliseconds RetryDelay(uint32_t attempts, Random& random) {
  const uint32_t doublings = std::min(attempts > 0 ? attempts - 1 : 0, kDoublingsMax);
  const std::chrono::milliseconds delay = std::min(kFirst * (1U << doublings), kLast);
  const auto half = static_cast<uint64_t>(delay.count() / 2);
  return std::chrono::milliseconds(static_cast<int64_t>(half + random.Below(half + 1)));
}

std::chrono::milliseconds SettleDelay(uint32_t looks) {
  return kSettleDelays[std::min<size_t>(looks, kSettleDelays.size() - 1)];
}

TimePoint MinuteWindow::NextAt(uint32_t limit, TimePoint now) {
  while (!taken_.empty() && now - taken_.front() >= kWindow) {
    taken_.pop_front();
  }
  return limit == 0 || taken_.size() < limit ? now : taken_[taken_.size() - limit] + kWindow;
}

void MinuteWindow::Note(uint32_t limit, TimePoint now) {
  if (limit != 0) {
    taken_.push_back(now);
  }
}

}  // namespace mailhaul::send
