#include "engine/pipeline/fronted_source.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace mailhaul::pipeline {

FrontedSource::FrontedSource(std::string front, uint64_t size, Opener open)
    : front_(std::move(front)), size_(size), open_(std::move(open)) {
  MH_CHECK(front_.size() <= size_);
}

Result<size_t> FrontedSource::ReadAt(uint64_t offset, std::span<char> out) const {
  const uint64_t count = offset < size_ ? std::min<uint64_t>(out.size(), size_ - offset) : 0;
  if (count == 0) {
    return size_t{0};
  }
  if (offset + count <= front_.size()) {
    return front_.copy(out.data(), count, offset);
  }
  Result<size_t> got = ReadWhole(offset, out);
  if (!got.ok() && failure_.ok()) {
    failure_ = got.status();
  }
  return got;
}

Result<size_t> FrontedSource::ReadWhole(uint64_t offset, std::span<char> out) const {
  if (whole_ == nullptr) {
    MH_ASSIGN_OR_RETURN(whole_, open_());
  }
  return whole_->ReadAt(offset, out);
}

std::string_view FrontedSource::Contiguous() const {
  return front_.size() == size_ ? std::string_view(front_) : std::string_view();
}

size_t FrontedSource::held_bytes() const {
  return front_.size() + (whole_ == nullptr ? 0 : whole_->held_bytes());
}

}  // namespace mailhaul::pipeline
