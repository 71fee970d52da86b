// Placements of one batch that give up their bodies. Private to the store; the committer's thread
// only.
#pragma once

#include <optional>
#include <string>
#include <unordered_map>

#include "store/records.h"
#include "store/shard_batch.h"

namespace mailhaul::store {

// Counts references down. At 0 a reference stays, for a message that comes back before its bytes
// are reclaimed.
class BodyRelease final {
 public:
  BodyRelease(KeyValueStore& records, TenantId tenant) : records_(records), tenant_(tenant) {}

  // kCorrupt when its body has no reference.
  Status Add(ShardBatch& batch, const Placement& placement);
  // All that were added. Once, before the batch is finished.
  void Write(ShardBatch& batch);

 private:
  struct Reference {
    std::string stored;
    BlobReference value;
  };

  KeyValueStore& records_;
  const TenantId tenant_;
  std::unordered_map<std::string, Reference> references_;  // By key.
};

}  // namespace mailhaul::store
