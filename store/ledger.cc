#include "store/ledger.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/check.h"
#include "store/key_layout.h"

namespace mailhaul::store {
namespace {

constexpr size_t kRangeBytes = 8;
constexpr size_t kRangesMax = kLedgerSegmentBytesMax / kRangeBytes;
constexpr size_t kRowKeyBytes = 32;  // At least a ledger key's size.
constexpr Uid kFirstUid = 1;
constexpr Uid kLastUid = UINT32_MAX;

bool ContainsAll(const UidSet& set, UidRange range) {
  const std::vector<UidRange>& ranges = set.ranges();
  const auto found =
      std::lower_bound(ranges.begin(), ranges.end(), range.first,
                       [](const UidRange& stored, Uid uid) { return stored.last < uid; });
  return found != ranges.end() && found->first <= range.first && range.last <= found->last;
}

}  // namespace

std::string EncodeLedgerSegment(const UidSet& set) {
  std::string value;
  value.reserve(set.ranges().size() * kRangeBytes);
  for (const UidRange& range : set.ranges()) {
    AppendU32(value, range.first);
    AppendU32(value, range.last);
  }
  return value;
}

Result<UidSet> DecodeLedgerSegment(std::string_view value) {
  if (value.size() % kRangeBytes != 0 || value.size() > kLedgerSegmentBytesMax) {
    return Status(Code::kCorrupt, "ledger segment of an impossible length");
  }
  UidSet set;
  uint64_t free_from = kFirstUid;  // Intervals neither touch nor overlap.
  for (size_t offset = 0; offset < value.size(); offset += kRangeBytes) {
    const UidRange range{.first = ReadU32(value, offset),
                         .last = ReadU32(value, offset + sizeof(uint32_t))};
    if (range.first < free_from || range.last < range.first) {
      return Status(Code::kCorrupt, "ledger segment is out of order");
    }
    set.AddRange(range);
    free_from = uint64_t{range.last} + 2;
  }
  return set;
}

Status Ledger::Load(Uid start, std::string_view value) {
  MH_ASSIGN_OR_RETURN(UidSet set, DecodeLedgerSegment(value));
  const bool first = segments_.empty();
  if (first ? start != kFirstUid : start <= segments_.rbegin()->first) {
    return {Code::kCorrupt, "ledger segments are out of order"};
  }
  if ((!set.empty() && set.min() < start) ||
      (!first && segments_.rbegin()->second.set.max() >= start)) {
    return {Code::kCorrupt, "ledger segments overlap"};
  }
  ranges_ += set.ranges().size();
  segments_.emplace_hint(segments_.end(), start,
                         Segment{.set = std::move(set), .changed = false, .before = std::nullopt});
  return Status::Ok();
}

bool Ledger::Contains(Uid uid) const {
  const auto next = segments_.upper_bound(uid);
  return next != segments_.begin() && std::prev(next)->second.set.Contains(uid);
}

Ledger::Segments::iterator Ledger::SegmentOf(Uid uid) {
  if (segments_.empty()) {
    const auto first = segments_.emplace(kFirstUid, Segment{}).first;
    MarkChanged(first->second, false);
    changed_.push_back(kFirstUid);
    return first;
  }
  return std::prev(segments_.upper_bound(uid));
}

void Ledger::MarkChanged(Segment& segment, bool stored) {
  segment.changed = true;
  if (stored) {
    segment.before = EncodeLedgerSegment(segment.set);
  }
  pending_bytes_ += kRowKeyBytes + segment.set.ranges().size() * kRangeBytes;
}

void Ledger::Split(Segments::iterator segment) {
  UidSet& set = segment->second.set;
  const std::vector<UidRange>& ranges = set.ranges();
  UidSet low;
  UidSet high;
  for (size_t i = 0; i < ranges.size(); ++i) {
    (i < ranges.size() / 2 ? low : high).AddRange(ranges[i]);
  }
  const Uid start = high.min();
  Segment upper;
  upper.changed = true;
  upper.set = std::move(high);
  set = std::move(low);
  segments_.emplace_hint(std::next(segment), start, std::move(upper));
  changed_.push_back(start);
  pending_bytes_ += kRowKeyBytes;
}

void Ledger::AddTo(Segments::iterator segment, UidRange range) {
  Segment& target = segment->second;
  if (ContainsAll(target.set, range)) {
    return;  // What changes nothing writes nothing.
  }
  const size_t before = target.set.ranges().size();
  if (!target.changed) {
    MarkChanged(target, true);
    changed_.push_back(segment->first);
  }
  target.set.AddRange(range);
  const size_t after = target.set.ranges().size();
  ranges_ += after - before;  // Wraps around correctly when ranges were merged.
  pending_bytes_ += (after - before) * kRangeBytes;
  if (after > kRangesMax) {
    Split(segment);
  }
}

Uid Ledger::Add(UidRange range, size_t pending_bytes_max) {
  MH_CHECK(range.first >= kFirstUid && range.first <= range.last);
  Uid next = range.first;
  for (;;) {
    const auto segment = SegmentOf(next);
    const auto following = std::next(segment);
    const Uid segment_last = following == segments_.end() ? kLastUid : following->first - 1;
    const UidRange part{.first = next, .last = std::min(range.last, segment_last)};
    AddTo(segment, part);
    if (part.last == range.last || pending_bytes_ >= pending_bytes_max) {
      return part.last;
    }
    next = part.last + 1;
  }
}

std::vector<Ledger::Change> Ledger::TakeChanges() {
  std::vector<Change> changes;
  changes.reserve(changed_.size());
  for (const Uid start : changed_) {
    Segment& segment = segments_.at(start);
    changes.push_back({.start = start,
                       .before = std::move(segment.before),
                       .after = EncodeLedgerSegment(segment.set)});
    segment.before.reset();
    segment.changed = false;
  }
  changed_.clear();
  pending_bytes_ = 0;
  return changes;
}

}  // namespace mailhaul::store
