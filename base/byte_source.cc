#include "base/byte_source.h"

#include <algorithm>
#include <cstring>

namespace mailhaul {

Result<size_t> MemoryByteSource::ReadAt(uint64_t offset, std::span<char> out) const {
  if (offset >= bytes_.size()) {
    return size_t{0};
  }
  const size_t count = std::min<uint64_t>(out.size(), bytes_.size() - offset);
  std::memcpy(out.data(), bytes_.data() + offset, count);
  return count;
}

}  // namespace mailhaul
