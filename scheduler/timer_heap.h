// Jobs by the time at which they fall due, earliest first. A job that is taken out otherwise leaves
// its entry behind: `stamp` tells the caller on the way out whether an entry still counts. So a
// sift writes nothing outside the heap, and the four children of an entry are one cache line.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/clock.h"
#include "base/large_memory.h"

namespace mailhaul::scheduler {

class TimerHeap final {
 public:
  static constexpr size_t kArity = 4;

  struct Entry {
    TimePoint due;
    uint32_t job = 0;
    uint32_t stamp = 0;
  };

  bool empty() const { return size() == 0; }
  size_t size() const { return entries_.size() - kRoot; }
  const Entry& top() const { return entries_[kRoot]; }  // Only when not empty.
  // One that comes to the top soon, if there is one.
  const Entry* upcoming(size_t child) const {
    return FirstChild(kRoot) + child < entries_.size() ? &entries_[FirstChild(kRoot) + child]
                                                       : nullptr;
  }

  void Push(const Entry& entry) {
    if (entries_.size() == entries_.capacity()) {
      entries_.reserve(entries_.size() + entries_.size() / 8 + kGrowthMin);
    }
    entries_.push_back(entry);
    SiftUp(entries_.size() - 1);
  }

  void Pop() {  // Only when not empty.
    const Entry last = entries_.back();
    entries_.pop_back();
    if (!empty()) {
      entries_[kRoot] = last;
      SiftDown(kRoot);
    }
  }

  // Keeps the entries of which `counts` is true. O(n).
  template <typename Counts>
  void Keep(Counts counts) {
    const auto kept = std::remove_if(entries_.begin() + kRoot, entries_.end(),
                                     [&](const Entry& entry) { return !counts(entry); });
    entries_.erase(kept, entries_.end());
    for (size_t at = empty() ? kRoot : Parent(entries_.size()) + 1; at-- > kRoot;) {
      if (at < entries_.size()) {
        SiftDown(at);
      }
    }
  }

 private:
  static constexpr size_t kGrowthMin = 64;
  static constexpr size_t kRoot = kArity - 1;  // So that children begin at multiples of kArity.

  static size_t FirstChild(size_t at) { return (at - kRoot + 1) * kArity; }
  static size_t Parent(size_t at) { return at / kArity + kRoot - 1; }

  // A total order, so that runs repeat themselves.
  static bool Before(const Entry& a, const Entry& b) {
    return a.due != b.due ? a.due < b.due : a.stamp < b.stamp;
  }

  // The children of `first` and its siblings, one of whose the next step compares.
  void PrefetchChildren(size_t first) const {
    const size_t begin = FirstChild(first);
    if (begin + kArity * kArity <= entries_.size()) {
      for (size_t line = 0; line < kArity; ++line) {
        __builtin_prefetch(&entries_[begin + line * kArity]);
      }
    }
  }

  void SiftUp(size_t at) {
    const Entry moving = entries_[at];
    while (at > kRoot && Before(moving, entries_[Parent(at)])) {
      entries_[at] = entries_[Parent(at)];
      at = Parent(at);
    }
    entries_[at] = moving;
  }

  void SiftDown(size_t at) {
    const Entry moving = entries_[at];
    for (;;) {
      const size_t first = FirstChild(at);
      const size_t end = std::min(first + kArity, entries_.size());
      if (first >= end) {
        break;
      }
      PrefetchChildren(first);
      size_t least = first;
      for (size_t child = first + 1; child < end; ++child) {
        least = Before(entries_[child], entries_[least]) ? child : least;
      }
      if (!Before(entries_[least], moving)) {
        break;
      }
      entries_[at] = entries_[least];
      at = least;
    }
    entries_[at] = moving;
  }

  static_assert(kArity * sizeof(Entry) == 64);
  std::vector<Entry, LargeMemory<Entry>> entries_ =
      std::vector<Entry, LargeMemory<Entry>>(kRoot);  // Those before the root are not used.
};

}  // namespace mailhaul::scheduler
