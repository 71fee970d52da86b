#include "store/body_release.h"

#include <utility>

#include "store/key_layout.h"

namespace mailhaul::store {

Status BodyRelease::Add(ShardBatch& batch, ShardId shard, const Sha256& sha256) {
  const std::string key = BlobKey(shard, tenant_, sha256);
  auto found = references_.find(key);
  if (found == references_.end()) {
    MH_ASSIGN_OR_RETURN(std::optional<std::string> row, GetRow(records_, key));
    Result<BlobReference> value =
        row ? DecodeBlobReference(*row) : Status(Code::kCorrupt, "a body has no reference");
    if (!value.ok()) {
      return AtKey(value.status(), key);
    }
    batch.Reserve(key.size() + row->size());
    found = references_.emplace(key, Reference{.stored = *std::move(row), .value = *value}).first;
  }
  found->second.value.count -= found->second.value.count > 0 ? 1 : 0;
  return Status::Ok();
}

void BodyRelease::Write(ShardBatch& batch) {
  for (auto& [key, reference] : references_) {
    if (reference.value.count == 0 && at_zero_ == AtZero::kDelete) {
      batch.Remove(key, std::move(reference.stored));
    } else {
      batch.Replace(key, std::move(reference.stored), EncodeBlobReference(reference.value));
    }
  }
}

}  // namespace mailhaul::store
