// What lies at a place of a segment file, as it lies there. Private to the store.
#pragma once

#include <algorithm>
#include <memory>
#include <span>
#include <utility>

#include "base/byte_source.h"
#include "store/blob_store.h"
#include "store/file_system.h"
#include "store/segment.h"

namespace mailhaul::store {

// `location.size`: of what lies there.
class FileByteSource final : public ByteSource {
 public:
  FileByteSource(std::shared_ptr<const File> file, const BlobLocation& location)
      : file_(std::move(file)), location_(location) {}

  uint64_t size() const override { return location_.size; }
  Result<size_t> ReadAt(uint64_t offset, std::span<char> out) const override {
    if (offset >= location_.size) {
      return size_t{0};
    }
    const size_t count = std::min<uint64_t>(out.size(), location_.size - offset);
    MH_ASSIGN_OR_RETURN(const size_t got,
                        file_->ReadAt(location_.offset + offset, out.first(count)));
    if (got != count) {
      return Status(Code::kCorrupt,
                    "segment " + SegmentName(location_.segment) + " ends within a message body");
    }
    return count;
  }

 private:
  std::shared_ptr<const File> file_;
  BlobLocation location_;
};

}  // namespace mailhaul::store
