#include "engine/pipeline/ledger_comparison.h"

#include <algorithm>
#include <utility>

namespace mailhaul::pipeline {

void LedgerCounts::Add(const LedgerCounts& other) {
  listed += other.listed;
  held += other.held;
  left_out += other.left_out;
  pending += other.pending;
  older += other.older;
  missing += other.missing;
  unknown += other.unknown;
  stale += other.stale;
}

LedgerComparison CompareLedger(const FolderPromise& promise, const SourceListing& listing) {
  LedgerComparison result;
  LedgerCounts& counts = result.counts;
  const UidSet absent = listing.uids.Minus(promise.placed);
  const UidSet unaccounted = absent.Minus(promise.ledger);
  counts.listed = listing.uids.size();
  counts.held = counts.listed - absent.size();
  counts.left_out = absent.size() - unaccounted.size();
  counts.stale = promise.placed.Minus(listing.uids).size();
  UidSet promised;
  if (promise.window_complete && promise.uid_next > 1 && !listing.hides_messages) {
    promised.AddRange({1, promise.uid_next - 1});
  }
  UidSet looked_at = unaccounted.Intersect(promised);
  counts.pending = unaccounted.size() - looked_at.size();
  result.missing =
      promise.backfill_complete ? std::move(looked_at) : looked_at.Intersect(listing.window);
  counts.missing = result.missing.size();
  counts.older = unaccounted.size() - counts.pending - counts.missing;
  return result;
}

std::string DescribeUids(const UidSet& uids) {
  UidSet first;
  for (size_t i = 0; i < std::min(uids.ranges().size(), kUidsToldMax); ++i) {
    first.AddRange(uids.ranges()[i]);
  }
  return first.ToSequenceSet() + (uids.ranges().size() > kUidsToldMax ? ",..." : "");
}

}  // namespace mailhaul::pipeline
