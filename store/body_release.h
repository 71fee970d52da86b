// Placements of one batch that give up their bodies. Private to the store; the committer's thread
// only.
#pragma once

#include <optional>
#include <string>
#include <unordered_map>

#include "store/records.h"
#include "store/shard_batch.h"

namespace mailhaul::store {

// Counts references down. At 0 a reference stays for a message that comes back before its bytes are
// reclaimed, or it is deleted at once: whoever refers to the body then has to bring its bytes.
class BodyRelease final {
 public:
  enum class AtZero : uint8_t { kKeep, kDelete };
  BodyRelease(KeyValueStore& records, TenantId tenant, AtZero at_zero = AtZero::kKeep)
      : records_(records), tenant_(tenant), at_zero_(at_zero) {}

  // kCorrupt when the body has no reference.
  Status Add(ShardBatch& batch, const Placement& placement) {
    return Add(batch, placement.mailbox.shard(), placement.sha256);
  }
  Status Add(ShardBatch& batch, ShardId shard, const Sha256& sha256);
  // All that were added. Once, before the batch is finished.
  void Write(ShardBatch& batch);

 private:
  struct Reference {
    std::string stored;
    BlobReference value;
  };

  KeyValueStore& records_;
  const TenantId tenant_;
  const AtZero at_zero_;
  std::unordered_map<std::string, Reference> references_;  // By key.
};

}  // namespace mailhaul::store
