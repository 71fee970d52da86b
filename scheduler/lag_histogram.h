// How late work was: counts in buckets that grow by a quarter of an octave each.
#pragma once

#include <array>
#include <cstdint>

#include "base/clock.h"

namespace mailhaul::scheduler {

class LagHistogram final {
 public:
  void Record(Duration lag);  // Zero or less: on time.
  uint64_t count() const { return count_; }
  // The lag that `part` (0..1) of all recorded ones do not exceed; to a fifth, rounded up. Zero
  // when nothing is recorded.
  Duration Percentile(double part) const;

  // For exporters: bucket i counts lags up to UpperBound(i); the last one all above as well.
  static constexpr size_t kBuckets = 1 + 28 * 4;  // On time; then from 1 ms to three days.
  static Duration UpperBound(size_t bucket);
  uint32_t bucket(size_t at) const { return buckets_[at]; }

 private:
  std::array<uint32_t, kBuckets> buckets_{};
  uint64_t count_ = 0;
};

}  // namespace mailhaul::scheduler
