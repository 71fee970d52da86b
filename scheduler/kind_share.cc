#include "scheduler/kind_share.h"

#include <algorithm>

#include "base/check.h"

namespace mailhaul::scheduler {

namespace {

constexpr uint32_t kShareInverseMin = 3;
constexpr uint32_t kPassesCountMax = 1'000'000'000;

}  // namespace

JobKind MostUrgent(const KindSet& waiting) {
  for (const JobKind kind : kKinds) {
    if (waiting[Index(kind)]) {
      return kind;
    }
  }
  MH_CHECK(false && "a kind waits");
}

KindShare::KindShare(uint32_t share_inverse)
    : passes_max_(std::max(share_inverse, kShareInverseMin) - 1) {}

JobKind KindShare::Pick(const KindSet& waiting) const {
  JobKind pick = MostUrgent(waiting);
  if (!MayPassOver(waiting)) {
    return pick;
  }
  uint32_t most_passes = 0;
  for (size_t i = Index(pick) + 1; i < kKindCount; ++i) {
    if (waiting[i] && passed_over_[i] >= passes_max_ && passed_over_[i] >= most_passes) {
      pick = kKinds[i];
      most_passes = passed_over_[i];
    }
  }
  return pick;
}

JobKind KindShare::PickInsteadOf(JobKind wanted, const KindSet& waiting) const {
  JobKind pick = wanted;
  for (size_t i = Index(MostUrgent(waiting)) + 1; i < kKindCount; ++i) {
    if (waiting[i] && passed_over_[i] >= passes_max_ &&
        passed_over_[i] > passed_over_[Index(pick)]) {
      pick = kKinds[i];
    }
  }
  return pick;
}

bool KindShare::MayPassOver(const KindSet& waiting) const { return last_ <= MostUrgent(waiting); }

void KindShare::OnGrant(JobKind granted, const KindSet& waiting) {
  last_ = granted;
  for (size_t i = 0; i < kKindCount; ++i) {
    if (waiting[i]) {
      passed_over_[i] = std::min(passed_over_[i] + 1, kPassesCountMax);
    }
  }
  passed_over_[Index(granted)] = 0;
}

}  // namespace mailhaul::scheduler
