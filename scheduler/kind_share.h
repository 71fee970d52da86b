// Which kind of job goes next: the most urgent that waits, except that a kind passed over often
// enough gets one turn. So new mail goes first, and what is behind it still always ends.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "scheduler/scheduler.h"

namespace mailhaul::scheduler {

using KindSet = std::array<bool, kKindCount>;  // By kind: a job of it waits.

// The most urgent kind of a set that is not empty.
JobKind MostUrgent(const KindSet& waiting);

class KindShare final {
 public:
  // One grant of `share_inverse` is guaranteed to a kind that waits; below 3 counts as 3, or the
  // shares of window and backfill would leave nothing to new mail.
  explicit KindShare(uint32_t share_inverse);

  // Of a set that is not empty.
  JobKind Pick(const KindSet& waiting) const;
  // Of a set with `wanted` in it, for whom somebody else's share chose that out of turn: another
  // kind that has been passed over for longer takes its place.
  JobKind PickInsteadOf(JobKind wanted, const KindSet& waiting) const;
  // Whether a less urgent kind may go before the most urgent waiting one at all: not twice in
  // succession, so that a check for new mail waits for one slice at most.
  bool MayPassOver(const KindSet& waiting) const;
  // `waiting`: the kinds that waited when `granted` was chosen.
  void OnGrant(JobKind granted, const KindSet& waiting);

 private:
  uint32_t passes_max_;
  std::array<uint32_t, kKindCount> passed_over_{};  // Grants to other kinds while it waited.
  JobKind last_ = JobKind::kNew;
};

}  // namespace mailhaul::scheduler
