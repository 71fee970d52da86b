// A 4-ary heap of small integers by key, smallest first, in which any member can be moved or taken
// out in O(log n).
//
// The heap writes each member's place into a vector that the caller owns and passes to every call,
// so that many heaps can share one such vector as long as an id lies in at most one of them.
// Equal keys go by id: the order is total, which makes runs repeatable.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <tuple>
#include <vector>

#include "base/check.h"

namespace mailhaul::scheduler {

inline constexpr uint32_t kAbsent = UINT32_MAX;  // Position of an id that lies in no heap.
using Positions = std::vector<uint32_t>;         // By id.

template <typename Key>
class IndexedHeap final {
 public:
  bool empty() const { return entries_.empty(); }
  size_t size() const { return entries_.size(); }
  const Key& top_key() const { return entries_.front().key; }  // Only when not empty.
  uint32_t top_id() const { return entries_.front().id; }      // Only when not empty.

  // `id` must lie in no heap of these positions.
  void Push(uint32_t id, Key key, Positions& positions) {
    MH_CHECK(positions[id] == kAbsent);
    entries_.push_back(Entry{key, id});
    SiftUp(entries_.size() - 1, positions);
  }

  // `id` must lie in this heap.
  void Update(uint32_t id, Key key, Positions& positions) {
    const size_t at = Find(id, positions);
    const bool earlier = Entry{key, id} < entries_[at];
    entries_[at].key = key;
    if (earlier) {
      SiftUp(at, positions);
    } else {
      SiftDown(at, positions);
    }
  }

  // `id` must lie in this heap.
  void Remove(uint32_t id, Positions& positions) {
    const size_t at = Find(id, positions);
    positions[id] = kAbsent;
    const Entry last = entries_.back();
    entries_.pop_back();
    if (at == entries_.size()) {
      return;
    }
    const bool earlier = last < entries_[at];
    entries_[at] = last;
    if (at > 0 && earlier) {
      SiftUp(at, positions);
    } else {
      SiftDown(at, positions);
    }
  }

  // For an id that lies in this heap or in none of these positions.
  void Put(uint32_t id, Key key, Positions& positions) {
    if (positions[id] == kAbsent) {
      Push(id, key, positions);
    } else {
      Update(id, key, positions);
    }
  }
  void RemoveIfPresent(uint32_t id, Positions& positions) {
    if (positions[id] != kAbsent) {
      Remove(id, positions);
    }
  }

 private:
  static constexpr size_t kArity = 4;

  struct Entry {
    Key key;
    uint32_t id;
    friend bool operator<(const Entry& a, const Entry& b) {
      return std::tie(a.key, a.id) < std::tie(b.key, b.id);
    }
  };

  size_t Find(uint32_t id, const Positions& positions) const {
    const size_t at = positions[id];
    MH_CHECK(at < entries_.size() && entries_[at].id == id);
    return at;
  }

  void SiftUp(size_t at, Positions& positions) {
    const Entry moving = entries_[at];
    while (at > 0) {
      const size_t parent = (at - 1) / kArity;
      if (!(moving < entries_[parent])) {
        break;
      }
      Set(at, entries_[parent], positions);
      at = parent;
    }
    Set(at, moving, positions);
  }

  void SiftDown(size_t at, Positions& positions) {
    const Entry moving = entries_[at];
    for (;;) {
      const size_t first = at * kArity + 1;
      if (first >= entries_.size()) {
        break;
      }
      size_t least = first;
      const size_t end = std::min(first + kArity, entries_.size());
      for (size_t child = first + 1; child < end; ++child) {
        if (entries_[child] < entries_[least]) {
          least = child;
        }
      }
      if (!(entries_[least] < moving)) {
        break;
      }
      Set(at, entries_[least], positions);
      at = least;
    }
    Set(at, moving, positions);
  }

  void Set(size_t at, const Entry& entry, Positions& positions) {
    entries_[at] = entry;
    positions[entry.id] = static_cast<uint32_t>(at);
  }

  std::vector<Entry> entries_;
};

}  // namespace mailhaul::scheduler
