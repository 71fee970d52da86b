#include "base/uid_set.h"

#include <algorithm>

#include "base/check.h"

namespace mailhaul {
namespace {

constexpr uint64_t Length(UidRange range) { return uint64_t{range.last} - range.first + 1; }

}  // namespace

void UidSet::AddRange(UidRange range) {
  MH_CHECK(range.first > 0 && range.first <= range.last);
  if (ranges_.empty() || uint64_t{ranges_.back().last} + 1 < range.first) {
    ranges_.push_back(range);
    return;
  }
  // The first interval that touches `range` from the left or lies behind it.
  auto begin = std::lower_bound(ranges_.begin(), ranges_.end(), range, [](UidRange a, UidRange b) {
    return uint64_t{a.last} + 1 < b.first;
  });
  auto end = begin;
  while (end != ranges_.end() && end->first <= uint64_t{range.last} + 1) {
    range.first = std::min(range.first, end->first);
    range.last = std::max(range.last, end->last);
    ++end;
  }
  if (begin == end) {
    ranges_.insert(begin, range);
    return;
  }
  *begin = range;
  ranges_.erase(begin + 1, end);
}

void UidSet::AddAll(const UidSet& other) {
  if (ranges_.empty()) {
    ranges_ = other.ranges_;
    return;
  }
  std::vector<UidRange> merged;
  merged.reserve(ranges_.size() + other.ranges_.size());
  std::merge(ranges_.begin(), ranges_.end(), other.ranges_.begin(), other.ranges_.end(),
             std::back_inserter(merged), [](UidRange a, UidRange b) { return a.first < b.first; });
  ranges_.clear();
  for (const UidRange range : merged) {
    if (!ranges_.empty() && range.first <= uint64_t{ranges_.back().last} + 1) {
      ranges_.back().last = std::max(ranges_.back().last, range.last);
    } else {
      ranges_.push_back(range);
    }
  }
}

void UidSet::Remove(const UidSet& other) { *this = Minus(other); }

bool UidSet::Contains(Uid uid) const {
  const auto it = std::lower_bound(ranges_.begin(), ranges_.end(), uid,
                                   [](UidRange range, Uid value) { return range.last < value; });
  return it != ranges_.end() && it->first <= uid;
}

uint64_t UidSet::size() const {
  uint64_t total = 0;
  for (const UidRange range : ranges_) {
    total += Length(range);
  }
  return total;
}

UidSet UidSet::Minus(const UidSet& other) const {
  UidSet rest;
  auto cut = other.ranges_.begin();
  for (UidRange range : ranges_) {
    uint64_t first = range.first;
    while (cut != other.ranges_.end() && cut->last < first) {
      ++cut;
    }
    for (auto it = cut; it != other.ranges_.end() && it->first <= range.last; ++it) {
      if (it->first > first) {
        rest.ranges_.push_back({static_cast<Uid>(first), it->first - 1});
      }
      first = uint64_t{it->last} + 1;
    }
    if (first <= range.last) {
      rest.ranges_.push_back({static_cast<Uid>(first), range.last});
    }
  }
  return rest;
}

UidSet UidSet::Intersect(const UidSet& other) const {
  UidSet common;
  auto a = ranges_.begin();
  auto b = other.ranges_.begin();
  while (a != ranges_.end() && b != other.ranges_.end()) {
    const Uid first = std::max(a->first, b->first);
    const Uid last = std::min(a->last, b->last);
    if (first <= last) {
      common.ranges_.push_back({first, last});
    }
    if (a->last < b->last) {
      ++a;
    } else {
      ++b;
    }
  }
  return common;
}

UidSet UidSet::Greatest(uint64_t count) const {
  UidSet greatest;
  for (auto it = ranges_.rbegin(); it != ranges_.rend() && count > 0; ++it) {
    UidRange range = *it;
    if (Length(range) > count) {
      range.first = static_cast<Uid>(uint64_t{range.last} - count + 1);
    }
    count -= Length(range);
    greatest.ranges_.push_back(range);
  }
  std::reverse(greatest.ranges_.begin(), greatest.ranges_.end());
  return greatest;
}

std::vector<Uid> UidSet::ToVector() const {
  std::vector<Uid> uids;
  uids.reserve(size());
  for (const UidRange range : ranges_) {
    for (uint64_t uid = range.first; uid <= range.last; ++uid) {
      uids.push_back(static_cast<Uid>(uid));
    }
  }
  return uids;
}

std::string UidSet::ToSequenceSet() const {
  std::string text;
  for (const UidRange range : ranges_) {
    if (!text.empty()) {
      text.push_back(',');
    }
    text += std::to_string(range.first);
    if (range.last != range.first) {
      text += ":" + std::to_string(range.last);
    }
  }
  return text;
}

}  // namespace mailhaul
