// A vector that never moves its elements, for millions of records that are read at random: they lie
// in huge pages once they fill more than one. At most one chunk of memory too much, 512 records at
// first.
#pragma once

#include <bit>
#include <cstddef>
#include <vector>

#include "base/large_memory.h"

namespace mailhaul::scheduler {

template <typename T>
class Arena final {
 public:
  size_t size() const { return size_; }
  T& operator[](size_t at) { return parts_[at / kPart][at % kPart]; }
  const T& operator[](size_t at) const { return parts_[at / kPart][at % kPart]; }

  T& Add() {
    if (size_++ % kPart == 0 && size_ > parts_.size() * kPart) {
      AddChunk();
    }
    return chunks_.back().emplace_back();
  }

 private:
  using Chunk = std::vector<T, LargeMemory<T>>;

  static constexpr size_t kPart = 512;
  static constexpr size_t kLarge = std::bit_ceil(kHugePageBytes / sizeof(T));
  static_assert(kLarge % kPart == 0);

  void AddChunk() {
    const size_t records = size_ > kLarge ? kLarge : kPart;
    Chunk& chunk = chunks_.emplace_back();
    chunk.reserve(records);
    for (size_t at = 0; at < records; at += kPart) {
      parts_.push_back(chunk.data() + at);
    }
  }

  std::vector<Chunk> chunks_;
  std::vector<T*> parts_;  // Where each kPart records begin.
  size_t size_ = 0;
};

}  // namespace mailhaul::scheduler
