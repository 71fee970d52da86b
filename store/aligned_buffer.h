// Memory that direct I/O takes: address and capacity are multiples of the block size.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string_view>

namespace mailhaul::store {

// Logical block size of every disk in use; direct writes start and end on it.
inline constexpr size_t kBlockBytes = 4096;
constexpr uint64_t RoundUpToBlock(uint64_t bytes) {
  return (bytes + kBlockBytes - 1) / kBlockBytes * kBlockBytes;
}

// A fixed-size buffer that is filled from the front. Not thread-safe.
class AlignedBuffer final {
 public:
  explicit AlignedBuffer(size_t capacity);  // Rounded up to whole blocks.

  // Takes as much as fits and says how much.
  size_t Append(std::string_view bytes);
  void PadToBlock();  // With zeros.
  void Clear() { size_ = 0; }

  bool full() const { return size_ == capacity_; }
  size_t size() const { return size_; }
  std::string_view view() const { return {data_.get(), size_}; }

 private:
  struct Free {
    void operator()(char* data) const { std::free(data); }
  };
  size_t capacity_;
  size_t size_ = 0;
  std::unique_ptr<char, Free> data_;
};

}  // namespace mailhaul::store
