#include "store/aligned_buffer.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"

namespace mailhaul::store {

AlignedBuffer::AlignedBuffer(size_t capacity)
    : capacity_(RoundUpToBlock(std::max<size_t>(capacity, 1))),
      data_(static_cast<char*>(std::aligned_alloc(kBlockBytes, capacity_))) {
  MH_CHECK(data_ != nullptr);
}

size_t AlignedBuffer::Append(std::string_view bytes) {
  const size_t count = std::min(bytes.size(), capacity_ - size_);
  if (count > 0) {
    std::memcpy(data_.get() + size_, bytes.data(), count);
    size_ += count;
  }
  return count;
}

void AlignedBuffer::PadToBlock() {
  const size_t padded = RoundUpToBlock(size_);
  std::memset(data_.get() + size_, 0, padded - size_);
  size_ = padded;
}

}  // namespace mailhaul::store
