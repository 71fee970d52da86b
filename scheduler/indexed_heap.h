// A 4-ary heap of small integers by key, smallest first, in which any member can be moved or taken
// out in O(log n).
//
// The heap writes each member's place where the caller's `places[id]` says, a vector or whatever
// else gives a uint32_t&, so that many heaps can share the places as long as an id lies in at most
// one of them.
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
using Positions = std::vector<uint32_t>;         // Places by id.

template <typename Key>
class IndexedHeap final {
 public:
  bool empty() const { return entries_.empty(); }
  size_t size() const { return entries_.size(); }
  void Clear() { entries_.clear(); }  // Its members' places are the caller's to forget.
  const Key& top_key() const { return entries_.front().key; }  // Only when not empty.
  uint32_t top_id() const { return entries_.front().id; }      // Only when not empty.

  // `id` must lie in a heap of these places.
  template <typename Places>
  bool Holds(uint32_t id, Places&& places) const {
    const size_t at = places[id];
    return at < entries_.size() && entries_[at].id == id;
  }

  // `id` must lie in no heap of these places.
  template <typename Places>
  void Push(uint32_t id, Key key, Places&& places) {
    MH_CHECK(places[id] == kAbsent);
    entries_.push_back(Entry{key, id});
    SiftUp(entries_.size() - 1, places);
  }

  // `id` must lie in this heap.
  template <typename Places>
  void Update(uint32_t id, Key key, Places&& places) {
    const size_t at = Find(id, places);
    const bool earlier = Entry{key, id} < entries_[at];
    entries_[at].key = key;
    if (earlier) {
      SiftUp(at, places);
    } else {
      SiftDown(at, places);
    }
  }

  // `id` must lie in this heap.
  template <typename Places>
  void Remove(uint32_t id, Places&& places) {
    const size_t at = Find(id, places);
    places[id] = kAbsent;
    const Entry last = entries_.back();
    entries_.pop_back();
    if (at == entries_.size()) {
      return;
    }
    const bool earlier = last < entries_[at];
    entries_[at] = last;
    if (at > 0 && earlier) {
      SiftUp(at, places);
    } else {
      SiftDown(at, places);
    }
  }

  // For an id that lies in this heap or in none of these places.
  template <typename Places>
  void Put(uint32_t id, Key key, Places&& places) {
    if (places[id] == kAbsent) {
      Push(id, key, places);
    } else {
      Update(id, key, places);
    }
  }
  template <typename Places>
  void RemoveIfPresent(uint32_t id, Places&& places) {
    if (places[id] != kAbsent) {
      Remove(id, places);
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

  template <typename Places>
  size_t Find(uint32_t id, Places& places) const {
    const size_t at = places[id];
    MH_CHECK(at < entries_.size() && entries_[at].id == id);
    return at;
  }

  template <typename Places>
  void SiftUp(size_t at, Places& places) {
    const Entry moving = entries_[at];
    while (at > 0) {
      const size_t parent = (at - 1) / kArity;
      if (!(moving < entries_[parent])) {
        break;
      }
      Set(at, entries_[parent], places);
      at = parent;
    }
    Set(at, moving, places);
  }

  template <typename Places>
  void SiftDown(size_t at, Places& places) {
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
      Set(at, entries_[least], places);
      at = least;
    }
    Set(at, moving, places);
  }

  template <typename Places>
  void Set(size_t at, const Entry& entry, Places& places) {
    entries_[at] = entry;
    places[entry.id] = static_cast<uint32_t>(at);
  }

  std::vector<Entry> entries_;
};

}  // namespace mailhaul::scheduler
