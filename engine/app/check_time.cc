#include "engine/app/check_time.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace mailhaul::app {
namespace {

constexpr auto kSecondsMax = static_cast<double>(store::kCheckTimeMax.count());

double Seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

std::chrono::microseconds ToMicroseconds(double seconds) {
  return std::chrono::microseconds(std::llround(std::clamp(seconds, 0.0, kSecondsMax) * 1e6));
}

}  // namespace

CheckTime::CheckTime(const store::CheckTimeRow& row)
    : samples_(row.samples),
      mean_(Seconds(row.mean)),
      variance_(Seconds(row.deviation) * Seconds(row.deviation)) {}

void CheckTime::Record(Duration time) {
  samples_ += samples_ < UINT32_MAX ? 1 : 0;
  const double weight = 1.0 / std::min(samples_, kSamplesAveraged);
  const double difference = std::min(Seconds(time), kSecondsMax) - mean_;
  mean_ += weight * difference;
  variance_ = (1 - weight) * (variance_ + weight * difference * difference);
}

store::CheckTimeRow CheckTime::ToRow(std::string host) const {
  return {.host = std::move(host),
          .samples = samples_,
          .mean = ToMicroseconds(mean_),
          .deviation = ToMicroseconds(std::sqrt(variance_))};
}

}  // namespace mailhaul::app
