#include "scheduler/address_block.h"

#include <algorithm>
#include <utility>

#include "scheduler/backoff.h"

namespace mailhaul::scheduler {

bool AddressBlock::OnServed(TimePoint connected, TimePoint at) {
  last_served_ = std::max(last_served_, at);
  return OnAnswer(connected);
}

bool AddressBlock::OnAnswer(TimePoint connected) {
  if (connected < last_failure()) {
    return false;
  }
  failures_ = 0;
  return std::exchange(blocked_, false);
}

bool AddressBlock::OnFailure(bool others_served, TimePoint now) {
  failing_since_ = failing() ? failing_since_ : now;
  last_failure_ = now;
  failures_ = static_cast<uint16_t>(std::min(failures_ + 1, INT16_MAX));
  if (blocked_ || !others_served || failures_ < kFailuresInRow ||
      Since(failing_since_, now) < kFailingFor) {
    return false;
  }
  blocked_ = true;
  count_ = static_cast<uint16_t>(std::min(count_ + 1, INT16_MAX));
  return true;
}

}  // namespace mailhaul::scheduler
