#include "scheduler/lag_histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace mailhaul::scheduler {

namespace {

constexpr uint64_t kParts = 4;  // Of an octave, in equal steps.

}  // namespace

Duration LagHistogram::UpperBound(size_t bucket) {
  if (bucket == 0) {
    return Duration::zero();
  }
  const uint64_t octave = (bucket - 1) / kParts;
  const uint64_t part = (bucket - 1) % kParts + 1;
  const auto base =
      static_cast<int64_t>(std::chrono::nanoseconds(std::chrono::milliseconds(1)) / Duration(1))
      << octave;
  return Duration(base + base / static_cast<int64_t>(kParts) * static_cast<int64_t>(part));
}

void LagHistogram::Record(Duration lag) {
  size_t bucket = 0;
  if (lag > Duration::zero()) {
    const auto milliseconds = static_cast<uint64_t>(lag / std::chrono::milliseconds(1));
    const auto octave =
        static_cast<size_t>(std::bit_width(std::max<uint64_t>(milliseconds, 1)) - 1);
    bucket = std::min(octave * kParts, kBuckets - 1);
    while (bucket + 1 < kBuckets && UpperBound(bucket) < lag) {
      ++bucket;
    }
  }
  buckets_[bucket] += buckets_[bucket] < UINT32_MAX ? 1 : 0;
  ++count_;
}

Duration LagHistogram::Percentile(double part) const {
  const auto wanted =
      static_cast<uint64_t>(std::ceil(std::clamp(part, 0.0, 1.0) * static_cast<double>(count_)));
  uint64_t seen = 0;
  for (size_t i = 0; i < kBuckets; ++i) {
    seen += buckets_[i];
    if (seen >= std::max<uint64_t>(wanted, 1)) {
      return UpperBound(i);
    }
  }
  return Duration::zero();
}

}  // namespace mailhaul::scheduler
