#include "store/checked_body.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "store/sha256.h"

namespace mailhaul::store {
namespace {

constexpr size_t kPartBytes = size_t{64} << 10;

Status Damaged() { return {Code::kCorrupt, "the stored body is damaged; run `mailhaul verify`"}; }
Status EndsEarly() { return {Code::kCorrupt, "a stored body ends early"}; }

// Checked, too, where it lies in memory.
Result<BlobStore::Opened> OpenAndLook(const BlobStore& blobs, const BlobLocation& location,
                                      const Sha256& sha256) {
  MH_ASSIGN_OR_RETURN(BlobStore::Opened opened, blobs.Open(location, sha256));
  const std::string_view whole = opened.body->Contiguous();
  if (!opened.checked && (!whole.empty() || opened.body->size() == 0)) {
    if (ComputeSha256(whole) != sha256) {
      return Damaged();
    }
    opened.checked = true;
  }
  return opened;
}

class InOrder final : public ByteSource {
 public:
  InOrder(std::unique_ptr<ByteSource> body, const Sha256& sha256)
      : body_(std::move(body)), sha256_(sha256) {}

  uint64_t size() const override { return body_->size(); }
  size_t held_bytes() const override { return body_->held_bytes(); }

  Result<size_t> ReadAt(uint64_t offset, std::span<char> out) const override {
    if (offset != next_) {
      return Status(Code::kInvalidArgument, "a body that is checked in order is read out of order");
    }
    MH_ASSIGN_OR_RETURN(const size_t got, body_->ReadAt(offset, out));
    if (got == 0 && next_ < size()) {
      return EndsEarly();
    }
    hasher_.Update({out.data(), got});
    next_ += got;
    if (got > 0 && next_ == size() && hasher_.Finish() != sha256_) {
      return Damaged();
    }
    return got;
  }

 private:
  const std::unique_ptr<ByteSource> body_;
  const Sha256 sha256_;
  mutable Sha256Hasher hasher_;
  mutable uint64_t next_ = 0;
};

}  // namespace

Result<std::unique_ptr<ByteSource>> OpenChecked(const BlobStore& blobs,
                                                const BlobLocation& location,
                                                const Sha256& sha256) {
  MH_ASSIGN_OR_RETURN(BlobStore::Opened opened, OpenAndLook(blobs, location, sha256));
  std::unique_ptr<ByteSource> source = std::move(opened.body);
  if (opened.checked) {
    return source;
  }
  Sha256Hasher hasher;
  std::vector<char> part(std::min<uint64_t>(kPartBytes, source->size()));
  for (uint64_t offset = 0; offset < source->size();) {
    MH_ASSIGN_OR_RETURN(const size_t got, source->ReadAt(offset, part));
    if (got == 0) {
      return EndsEarly();
    }
    hasher.Update({part.data(), got});
    offset += got;
  }
  if (hasher.Finish() != sha256) {
    return Damaged();
  }
  return source;
}

Result<std::unique_ptr<ByteSource>> OpenInOrder(const BlobStore& blobs,
                                                const BlobLocation& location,
                                                const Sha256& sha256) {
  MH_ASSIGN_OR_RETURN(BlobStore::Opened opened, OpenAndLook(blobs, location, sha256));
  if (opened.checked) {
    return std::move(opened.body);
  }
  return std::unique_ptr<ByteSource>(std::make_unique<InOrder>(std::move(opened.body), sha256));
}

}  // namespace mailhaul::store
