// A set of IMAP UIDs as sorted, disjoint, non-adjacent intervals: ten million consecutive UIDs cost
// eight bytes. The ledger, search results and fetch plans are UidSets.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace mailhaul {

using Uid = uint32_t;  // 1 .. 2^32-1 (RFC 9051 section 2.3.1.1); 0 is no UID.

struct UidRange {  // Inclusive at both ends; first <= last.
  Uid first = 0;
  Uid last = 0;
  friend bool operator==(const UidRange&, const UidRange&) = default;
};

// A value: copies and compares. Not thread-safe.
class UidSet final {
 public:
  UidSet() = default;

  void Add(Uid uid) { AddRange({uid, uid}); }  // uid > 0. O(1) when UIDs arrive in order.
  void AddRange(UidRange range);
  void AddAll(const UidSet& other);
  void Remove(const UidSet& other);

  bool Contains(Uid uid) const;
  bool empty() const { return ranges_.empty(); }
  uint64_t size() const;  // How many UIDs. O(ranges).
  Uid max() const { return ranges_.empty() ? 0 : ranges_.back().last; }
  Uid min() const { return ranges_.empty() ? 0 : ranges_.front().first; }
  const std::vector<UidRange>& ranges() const { return ranges_; }

  UidSet Minus(const UidSet& other) const;
  UidSet Intersect(const UidSet& other) const;
  // The `count` greatest members (all, if there are fewer).
  UidSet Greatest(uint64_t count) const;
  // Members in ascending order; only for sets known to be small.
  std::vector<Uid> ToVector() const;

  // "1:3,7": the sequence-set of RFC 9051 section 9; "" when empty.
  std::string ToSequenceSet() const;

  friend bool operator==(const UidSet&, const UidSet&) = default;

 private:
  std::vector<UidRange> ranges_;
};

}  // namespace mailhaul
