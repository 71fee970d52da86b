#include "scheduler/kind_share.h"

#include <algorithm>

#include "base/check.h"

namespace mailhaul::scheduler {

namespace {

constexpr uint32_t kShareInverseMin = 3;
// Grants that credit, or debt, may amount to: enough for estimates that are wrong, too little for
// a burst.
constexpr float kGrantsMax = 2;
constexpr float kRounding = 1e-4F;

}  // namespace

JobKind MostUrgent(const KindSet& waiting) {
  for (const JobKind kind : kKinds) {
    if (waiting[Index(kind)]) {
      return kind;
    }
  }
  MH_CHECK(false && "a kind waits");
}

// Of all time a kind gets one part in `share_inverse`, so of the others' one less.
KindShare::KindShare(uint32_t share_inverse)
    : earned_part_(1 / static_cast<float>(std::max(share_inverse, kShareInverseMin) - 1)) {}

JobKind KindShare::Pick(const KindSet& waiting, const KindTimes& expected) const {
  JobKind pick = MostUrgent(waiting);
  if (!MayPassOver(waiting)) {
    return pick;
  }
  float most_grants = 0;
  for (size_t i = Index(pick) + 1; i < kKindCount; ++i) {
    const float grants = std::max(credit_[i] / expected[i], 0.0F);
    if (waiting[i] && Covers(kKinds[i], expected) && grants >= most_grants) {
      pick = kKinds[i];
      most_grants = grants;
    }
  }
  return pick;
}

JobKind KindShare::PickInsteadOf(JobKind wanted, const KindSet& waiting,
                                 const KindTimes& expected) const {
  JobKind pick = wanted;
  for (size_t i = Index(MostUrgent(waiting)) + 1; i < kKindCount; ++i) {
    if (waiting[i] && Covers(kKinds[i], expected) &&
        credit_[i] / expected[i] > credit_[Index(pick)] / expected[Index(pick)]) {
      pick = kKinds[i];
    }
  }
  return pick;
}

bool KindShare::MayPassOver(const KindSet& waiting) const { return last_ <= MostUrgent(waiting); }

bool KindShare::Covers(JobKind kind, const KindTimes& expected) const {
  return credit_[Index(kind)] >= expected[Index(kind)] * (1 - kRounding);
}

KindShare::Charge KindShare::OnGrant(JobKind granted, const KindSet& waiting,
                                     const KindTimes& expected) {
  last_ = granted;
  const size_t own = Index(granted);
  Charge charge;
  charge.earned = waiting;
  charge.earned[own] = false;
  for (size_t i = 0; i < kKindCount; ++i) {
    if (charge.earned[i]) {
      Earn(i, expected[own], expected);
    }
  }
  // What nobody was passed over for is free beyond the credit there is.
  const float paid = std::clamp(credit_[own], 0.0F, expected[own]);
  charge.paid = paid / expected[own];
  credit_[own] -= paid;
  return charge;
}

void KindShare::Correct(JobKind granted, const Charge& charge, float seconds,
                        const KindTimes& expected) {
  for (size_t i = 0; i < kKindCount; ++i) {
    if (charge.earned[i]) {
      Earn(i, seconds, expected);
    }
  }
  const size_t own = Index(granted);
  credit_[own] = std::clamp(credit_[own] - seconds * charge.paid, -kGrantsMax * expected[own],
                            std::max(kGrantsMax * expected[own], credit_[own]));
}

void KindShare::Earn(size_t kind, float seconds, const KindTimes& expected) {
  const float most = std::max(kGrantsMax * expected[kind], credit_[kind]);
  credit_[kind] = std::min(credit_[kind] + seconds * earned_part_, most);
}

}  // namespace mailhaul::scheduler
