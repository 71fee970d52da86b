#include "scheduler/restart.h"

#include <algorithm>

#include "scheduler/backoff.h"

namespace mailhaul::scheduler {

Job FirstCheck(MailboxId mailbox, TimePoint now, std::optional<Duration> age, Duration freshness,
               Duration spread) {
  constexpr uint64_t kParts = 1024;
  // Never checked counts as due now: before those that are on time, after those that are late.
  const Duration checked = std::max(age.value_or(freshness), Duration::zero());
  Job job;
  job.mailbox = mailbox;
  job.freshness = freshness;
  job.deadline = now + (freshness - checked);
  const Duration left = std::max(freshness - checked, Duration::zero());
  const auto part = static_cast<int64_t>(MixHash(mailbox.value, kParts) % kParts);
  const Duration own = std::max(spread, Duration::zero()) / static_cast<int64_t>(kParts) * part;
  job.not_before = now + std::max(left * 4 / 5, std::min(own, freshness));
  return job;
}

}  // namespace mailhaul::scheduler
