// The last login of a process that ended in order still counts when the next one starts at once.
// Main loop.
#include <algorithm>

#include "base/log.h"
#include "engine/app/collector.h"
#include "store/last_login.h"

namespace mailhaul::app {
namespace {

// Limits are of any window of one second; one millisecond more, since wall time is cut to them.
constexpr std::chrono::milliseconds kLoginsCount{1001};

}  // namespace

void Collector::SaveLastLogin() {
  const TimePoint now = context_.clock.Now();
  store::KeyValueStore* const records = options_.records;
  if (records == nullptr || last_login_ == TimePoint::min() || now - last_login_ >= kLoginsCount) {
    return;
  }
  const WallTime at = context_.clock.WallNow() -
                      std::chrono::duration_cast<std::chrono::milliseconds>(now - last_login_);
  context_.committer.Run([records, at] {
    const Status saved = store::SaveLastLogin(*records, at);
    if (!saved.ok()) {
      LogWarning("cannot save the time of the last login: " + saved.ToString());
    }
  });
}

void Collector::HoldLogins() {
  if (options_.records == nullptr) {
    return;
  }
  const TimePoint now = context_.clock.Now();
  const WallTime wall = context_.clock.WallNow();
  const Result<std::optional<WallTime>> last = store::ReadLastLogin(*options_.records);
  if (!last.ok()) {
    LogWarning("logins wait for a second: " + last.status().ToString());
    scheduler_.HoldLogins(now + kLoginsCount, now);
  } else if (last->has_value() && **last > wall - kLoginsCount) {
    // The clock may have been set back meanwhile.
    scheduler_.HoldLogins(now + std::min(kLoginsCount, **last + kLoginsCount - wall), now);
  }
}

}  // namespace mailhaul::app
