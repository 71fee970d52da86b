// Whether one host refuses one of our egress addresses while it serves others: what providers do to
// an address that they mistrust. What tells it from an outage are the other addresses: one of them
// was served between two failures of this one.
#pragma once

#include <chrono>
#include <cstdint>

#include "base/clock.h"

namespace mailhaul::scheduler {

class AddressBlock final {
 public:
  // Out of reach or throttled so often in a row, and for so long, counts as blocked.
  static constexpr uint32_t kFailuresInRow = 5;
  static constexpr Duration kFailingFor = std::chrono::minutes(2);
  // Between probes of a blocked address: doubled from the first to the last.
  static constexpr Duration kProbeFirst = std::chrono::minutes(1);
  static constexpr Duration kProbeLast = std::chrono::hours(1);

  bool blocked() const { return blocked_; }
  bool failing() const { return failures_ > 0; }
  uint32_t count() const { return count_; }               // Times that it became blocked.
  TimePoint last_served() const { return last_served_; }  // min(): never.
  // Of those in a row; min(): none.
  TimePoint last_failure() const { return failing() ? last_failure_ : TimePoint::min(); }

  // A session whose connection was made from here at `connected` was served at `at`. Returns
  // whether this ended a block: connections from before the last failure prove nothing, since
  // providers that refuse new ones often let the old ones live.
  bool OnServed(TimePoint connected, TimePoint at);
  // The same of one that reached the host and came to nothing.
  bool OnAnswer(TimePoint connected);
  // A session from here did not reach the host or was turned away. `others_served`: another
  // address, which is not failing itself, was served after last_failure(). Returns whether this
  // began a block.
  bool OnFailure(bool others_served, TimePoint now);
  // Ends a block without an answer.
  void Forget() { blocked_ = false; }

 private:
  TimePoint failing_since_;
  TimePoint last_failure_;
  TimePoint last_served_ = TimePoint::min();
  uint16_t failures_ = 0;  // In a row.
  uint16_t count_ = 0;
  bool blocked_ = false;
};

}  // namespace mailhaul::scheduler
