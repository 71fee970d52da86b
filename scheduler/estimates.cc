#include "scheduler/estimates.h"

#include <algorithm>

namespace mailhaul::scheduler {

namespace {

constexpr float kNewPart = 0.125F;
constexpr float kRateSeconds = 30;
constexpr float kHour = 3600;
constexpr float kFadeSeconds = 24 * kHour;
constexpr float kPerHourMax = 1'000'000;

float SecondsSince(TimePoint from, TimePoint to) {
  return std::chrono::duration<float>(std::max(to, from) - from).count();
}

}  // namespace

void MeanDuration::Record(Duration duration) {
  const float seconds =
      std::max(std::chrono::duration_cast<std::chrono::duration<float>>(duration).count(), 0.0F);
  seconds_ = known() ? seconds_ + kNewPart * (seconds - seconds_) : seconds;
}

Duration MeanDuration::value() const {
  return std::chrono::duration_cast<Duration>(
      std::chrono::duration<double>(known() ? double{seconds_} : 0.0));
}

void EventRate::Record(TimePoint now) {
  const float elapsed = SecondsSince(recorded_at_, now);
  per_second_ += (1 - per_second_ * elapsed) / (elapsed + kRateSeconds);
  recorded_at_ = now;
}

float EventRate::PerSecond(TimePoint now) const {
  return per_second_ * kRateSeconds / (SecondsSince(recorded_at_, now) + kRateSeconds);
}

void ArrivalRate::Record(uint32_t messages, TimePoint now) {
  const auto second = std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch());
  const auto at = static_cast<uint32_t>(std::max<int64_t>(second.count(), 1));
  if (recorded_at_ != 0) {
    const auto elapsed = static_cast<float>(std::max<uint32_t>(at - recorded_at_, 1));
    const float rate = std::min(static_cast<float>(messages) * kHour / elapsed, kPerHourMax);
    // A rational in place of the exponential: equal to the last bit everywhere.
    per_hour_ += (rate - per_hour_) * elapsed / (elapsed + kFadeSeconds);
  }
  recorded_at_ = at;
}

double ArrivalRate::busyness() const {
  return static_cast<double>(per_hour_) / static_cast<double>(per_hour_ + kBusyPerHour);
}

}  // namespace mailhaul::scheduler
