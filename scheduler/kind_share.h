// Which kind of job goes next: the most urgent that waits, except that a kind that was passed over
// long enough gets one turn. So new mail goes first, and what is behind it still always ends.
//
// A kind that waits earns a part of the connection time spent on other kinds as credit, and pays
// the time of its own grants with it. Times are estimated at the grant and corrected at its end.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "scheduler/scheduler.h"

namespace mailhaul::scheduler {

using KindSet = std::array<bool, kKindCount>;  // By kind: a job of it waits.
inline bool Any(const KindSet& kinds) { return kinds[0] || kinds[1] || kinds[2]; }
using KindTimes = std::array<float, kKindCount>;  // By kind: seconds that a grant takes, > 0.

// The most urgent kind of a set that is not empty.
JobKind MostUrgent(const KindSet& waiting);

class KindShare final {
 public:
  // What a grant did to the credits: for its correction.
  struct Charge {
    float paid = 0;  // The part of its time that its own kind had credit for: 0..1.
    KindSet earned{};
    bool empty() const { return paid == 0 && !Any(earned); }
  };

  // One part in `share_inverse` of the time is guaranteed to a kind that waits; below 3 counts as
  // 3, or the shares of window and backfill would leave nothing to new mail.
  explicit KindShare(uint32_t share_inverse);

  // Of a set that is not empty.
  JobKind Pick(const KindSet& waiting, const KindTimes& expected) const;
  // Of a set with `wanted` in it, for whom somebody else's share chose that out of turn: another
  // kind that has been passed over for longer takes its place.
  JobKind PickInsteadOf(JobKind wanted, const KindSet& waiting, const KindTimes& expected) const;
  // Whether a less urgent kind may go before the most urgent waiting one at all: not twice in
  // succession, so that a check for new mail waits for one slice at most.
  bool MayPassOver(const KindSet& waiting) const;
  // Whether its credit covers what a grant takes.
  bool Covers(JobKind kind, const KindTimes& expected) const;
  // `waiting`: the kinds that waited when `granted` was chosen.
  Charge OnGrant(JobKind granted, const KindSet& waiting, const KindTimes& expected);
  // A grant took `seconds` more than was expected when it was made (less: negative).
  void Correct(JobKind granted, const Charge& charge, float seconds, const KindTimes& expected);

 private:
  void Earn(size_t kind, float seconds, const KindTimes& expected);

  float earned_part_;  // Of the time of other kinds.
  std::array<float, kKindCount> credit_{};
  JobKind last_ = JobKind::kNew;
};

}  // namespace mailhaul::scheduler
