// What the store promises of one folder, beside what its source lists. Pure; works on intervals, so
// that a listing costs what the server sent, not what it claims.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "base/uid_set.h"

namespace mailhaul::pipeline {

// Of the store, all under the folder's one UIDVALIDITY.
struct FolderPromise {
  // As in store::FolderRecord: all that was listed below `uid_next` was looked at, and is to be in
  // the ledger as far as the two flags say.
  Uid uid_next = 0;
  bool window_complete = false;
  bool backfill_complete = false;
  UidSet ledger;
  UidSet placed;  // Those that have a message.
};

struct SourceListing {
  UidSet uids;
  // Those of them that lie in the window as it is now, which began later than any before. Counts
  // only where the window is complete and what is older is not.
  UidSet window;
  // A message may be hidden from one session to the next, and come up under an old number: what the
  // ledger lacks is then the next check's to fetch, wherever it lies.
  bool hides_messages = false;
};

struct LedgerCounts {
  uint64_t listed = 0;  // By the source: each is one of the next six.
  uint64_t held = 0;    // Has a message here.
  // In the ledger without one: left out by policy, too old to be kept, deleted here, or gone for a
  // moment when its turn came.
  uint64_t left_out = 0;
  uint64_t pending = 0;  // The next check's.
  uint64_t older = 0;    // Backfill's, or not wanted: older than the window.
  uint64_t missing = 0;  // Promised, and not in the ledger.
  // Not comparable: the folder is numbered anew, or could not be read.
  uint64_t unknown = 0;
  uint64_t stale = 0;  // Has a message here, and the source lists it no longer.

  void Add(const LedgerCounts& other);
  friend bool operator==(const LedgerCounts&, const LedgerCounts&) = default;
};

struct LedgerComparison {
  LedgerCounts counts;
  UidSet missing;
};

LedgerComparison CompareLedger(const FolderPromise& promise, const SourceListing& listing);

// "3,7:9,...": as many of the intervals as fit.
inline constexpr size_t kUidsToldMax = 20;
std::string DescribeUids(const UidSet& uids);

}  // namespace mailhaul::pipeline
