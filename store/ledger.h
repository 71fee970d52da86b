// The UIDs accounted for in one folder under one UIDVALIDITY, cut into segments so that a change
// rewrites little: a segment is one row of at most kLedgerSegmentBytesMax, and covers the UIDs from
// its start to the next segment's.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/uid_set.h"

namespace mailhaul::store {

inline constexpr size_t kLedgerSegmentBytesMax = size_t{32} * 1024;

// A segment's value: eight bytes per interval, first and last UID, big-endian, ascending.
std::string EncodeLedgerSegment(const UidSet& set);
// kCorrupt unless `value` is what EncodeLedgerSegment() makes.
Result<UidSet> DecodeLedgerSegment(std::string_view value);

// Not thread-safe.
class Ledger final {
 public:
  // One stored row; rows come in ascending order of `start`, before any Add().
  Status Load(Uid start, std::string_view value);

  bool Contains(Uid uid) const;
  // Adds `range` from its start on until all is in, or the changed segments have reached
  // `pending_bytes_max` bytes. Returns the last UID that was added; at least one always is.
  Uid Add(UidRange range, size_t pending_bytes_max);

  struct Change {
    Uid start = 0;
    std::optional<std::string> before;  // The stored value; absent: no such row.
    std::string after;
  };
  // Bytes of the rows that TakeChanges() would return, keys included.
  size_t pending_bytes() const { return pending_bytes_; }
  std::vector<Change> TakeChanges();

  size_t ranges() const { return ranges_; }

 private:
  struct Segment {
    UidSet set;
    bool changed = false;
    std::optional<std::string> before;  // When changed.
  };
  using Segments = std::map<Uid, Segment>;  // By start; the first starts at 1.

  Segments::iterator SegmentOf(Uid uid);
  void AddTo(Segments::iterator segment, UidRange range);
  void Split(Segments::iterator segment);
  void MarkChanged(Segment& segment, bool stored);

  Segments segments_;
  std::vector<Uid> changed_;  // Starts of the changed segments.
  size_t pending_bytes_ = 0;
  size_t ranges_ = 0;
};

}  // namespace mailhaul::store
