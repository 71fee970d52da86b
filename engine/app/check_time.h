// How long checks that find nothing hold a connection to a host, from the grant until its end: a
// running mean and deviation. What `mailhaul plan` reckons with once there are enough samples.
//
// Kept per host: the time is the server's and the distance's, the scheduler's model has one per
// host, and a further egress address needs one before it was ever used.
#pragma once

#include <cstdint>
#include <string>

#include "base/clock.h"
#include "store/check_time.h"

namespace mailhaul::app {

class CheckTime final {
 public:
  // Of fewer nothing follows.
  static constexpr uint32_t kSamplesMin = 30;
  // So many are averaged; from then on each new one counts as one of so many, and older ones fade.
  static constexpr uint32_t kSamplesAveraged = 100;

  CheckTime() = default;
  explicit CheckTime(const store::CheckTimeRow& row);

  void Record(Duration time);
  uint32_t samples() const { return samples_; }
  store::CheckTimeRow ToRow(std::string host) const;

 private:
  uint32_t samples_ = 0;
  double mean_ = 0;      // Seconds.
  double variance_ = 0;  // Their square.
};

}  // namespace mailhaul::app
