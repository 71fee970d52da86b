// Jobs by the time at which they fall due, earliest first. A job that is taken out otherwise leaves
// its entry behind: `stamp` tells the caller on the way out whether an entry still counts. So a
// sift writes nothing outside the heap, and four children share a cache line.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/clock.h"

namespace mailhaul::scheduler {

class TimerHeap final {
 public:
  struct Entry {
    TimePoint due;
    uint32_t job = 0;
    uint32_t stamp = 0;
  };

  bool empty() const { return entries_.empty(); }
  size_t size() const { return entries_.size(); }
  const Entry& top() const { return entries_.front(); }  // Only when not empty.

  void Push(const Entry& entry) {
    if (entries_.size() == entries_.capacity()) {
      entries_.reserve(entries_.size() + entries_.size() / 4 + kGrowthMin);
    }
    entries_.push_back(entry);
    SiftUp(entries_.size() - 1);
  }

  void Pop() {  // Only when not empty.
    const Entry last = entries_.back();
    entries_.pop_back();
    if (!entries_.empty()) {
      entries_.front() = last;
      SiftDown(0);
    }
  }

  // Keeps the entries of which `counts` is true. O(n).
  template <typename Counts>
  void Keep(Counts counts) {
    std::erase_if(entries_, [&](const Entry& entry) { return !counts(entry); });
    for (size_t at = entries_.size() / kArity + 1; at-- > 0;) {
      if (at < entries_.size()) {
        SiftDown(at);
      }
    }
  }

 private:
  static constexpr size_t kArity = 4;
  static constexpr size_t kGrowthMin = 64;

  // A total order, so that runs repeat themselves.
  static bool Before(const Entry& a, const Entry& b) {
    return a.due != b.due ? a.due < b.due : a.stamp < b.stamp;
  }

  void SiftUp(size_t at) {
    const Entry moving = entries_[at];
    while (at > 0 && Before(moving, entries_[(at - 1) / kArity])) {
      entries_[at] = entries_[(at - 1) / kArity];
      at = (at - 1) / kArity;
    }
    entries_[at] = moving;
  }

  void SiftDown(size_t at) {
    const Entry moving = entries_[at];
    for (;;) {
      const size_t first = at * kArity + 1;
      const size_t end = std::min(first + kArity, entries_.size());
      if (first >= end) {
        break;
      }
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

  std::vector<Entry> entries_;
};

}  // namespace mailhaul::scheduler
