// A vector that never moves its elements and never holds more than one chunk too much: for millions
// of small records.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

namespace mailhaul::scheduler {

template <typename T>
class Arena final {
 public:
  size_t size() const { return size_; }
  T& operator[](size_t at) { return chunks_[at / kChunk][at % kChunk]; }
  const T& operator[](size_t at) const { return chunks_[at / kChunk][at % kChunk]; }

  T& Add() {
    if (size_ == chunks_.size() * kChunk) {
      chunks_.push_back(std::make_unique<T[]>(kChunk));
    }
    return (*this)[size_++];
  }

 private:
  static constexpr size_t kChunk = 512;

  std::vector<std::unique_ptr<T[]>> chunks_;
  size_t size_ = 0;
};

}  // namespace mailhaul::scheduler
