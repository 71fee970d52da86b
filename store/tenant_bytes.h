// How many bytes the mailboxes of a tenant hold, for its quota: exact after every batch, because it
// follows the counters that the batch writes. Private to the store.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <span>

#include "base/ids.h"
#include "base/result.h"
#include "store/key_value_store.h"
#include "store/mailbox_table.h"

namespace mailhaul::store {

class TenantBytes final {
 public:
  TenantBytes(KeyValueStore& records, const MailboxTable& table)
      : records_(records), table_(table) {}

  // The committer's thread, or before any other uses the store. One read per mailbox.
  Status Count(std::span<const TenantId> tenants);
  // The same: what a batch of this shard, which is durable, has added (modulo 2^64).
  void Add(TenantId tenant, ShardId shard, uint64_t bytes);
  // It is not known whether a batch of this shard is durable: Settle() looks.
  void Doubt(ShardId shard) { doubted_.insert(shard); }
  Status Settle();

  std::optional<uint64_t> Of(TenantId tenant) const;  // Any thread. Absent: not counted.

 private:
  using Shards = std::map<ShardId, uint64_t>;

  // Of one shard, or of all.
  Result<std::map<TenantId, Shards>> Read(const std::set<TenantId>& tenants,
                                          std::optional<ShardId> shard) const;

  KeyValueStore& records_;
  const MailboxTable& table_;
  std::set<ShardId> doubted_;  // The committer's thread only.

  mutable std::mutex mutex_;
  std::map<TenantId, Shards> counted_;  // Guarded by mutex_; changed on the committer's thread.
};

}  // namespace mailhaul::store
