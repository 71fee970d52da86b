// Working memory that a thread keeps, so that reading a stored body asks for none. Private to the
// store.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>

#include "base/raw_buffer.h"

namespace mailhaul::store {

class Scratch final {
 public:
  // Holds anything; valid until the next call of either, or the thread's end.
  std::span<char> Take(size_t bytes) {
    if (buffer_.size() < bytes) {
      buffer_ = RawBuffer();
      buffer_ = RawBuffer(std::max(bytes, kKeptBytes));
    }
    return buffer_.span().first(bytes);
  }

  // Keeps no more than most bodies need.
  void Trim() {
    if (buffer_.size() > kKeptBytes) {
      buffer_ = RawBuffer();
    }
  }

 private:
  static constexpr size_t kKeptBytes = size_t{256} << 10;

  RawBuffer buffer_;
};

}  // namespace mailhaul::store
