#include "store/tenant_bytes.h"

#include <utility>

#include "store/mail_store_cache.h"

namespace mailhaul::store {

Result<std::map<TenantId, TenantBytes::Shards>> TenantBytes::Read(
    const std::set<TenantId>& tenants, std::optional<ShardId> shard) const {
  std::map<TenantId, Shards> read;
  for (const auto& [mailbox, tenant] : table_.All()) {
    if (!tenants.contains(tenant) || (shard && mailbox.shard() != *shard)) {
      continue;
    }
    MailboxRecord record;
    MH_RETURN_IF_ERROR(ReadMailboxRow(records_, mailbox, record));
    read[tenant][mailbox.shard()] += record.bytes;
  }
  return read;
}

Status TenantBytes::Count(std::span<const TenantId> tenants) {
  const std::set<TenantId> wanted(tenants.begin(), tenants.end());
  MH_ASSIGN_OR_RETURN(auto read, Read(wanted, std::nullopt));
  const std::lock_guard lock(mutex_);
  for (const TenantId tenant : wanted) {
    counted_[tenant] = std::move(read[tenant]);
  }
  return Status::Ok();
}

void TenantBytes::Add(TenantId tenant, ShardId shard, uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  const auto found = counted_.find(tenant);
  if (found != counted_.end()) {
    found->second[shard] += bytes;
  }
}

Status TenantBytes::Settle() {
  while (!doubted_.empty()) {
    const ShardId shard = *doubted_.begin();
    std::set<TenantId> tenants;
    for (const auto& [tenant, shards] : counted_) {
      tenants.insert(tenant);
    }
    MH_ASSIGN_OR_RETURN(auto read, Read(tenants, shard));
    const std::lock_guard lock(mutex_);
    for (auto& [tenant, shards] : counted_) {
      shards[shard] = read[tenant][shard];
    }
    doubted_.erase(shard);
  }
  return Status::Ok();
}

std::optional<uint64_t> TenantBytes::Of(TenantId tenant) const {
  const std::lock_guard lock(mutex_);
  const auto found = counted_.find(tenant);
  if (found == counted_.end()) {
    return std::nullopt;
  }
  uint64_t bytes = 0;
  for (const auto& [shard, count] : found->second) {
    bytes += count;
  }
  return bytes;
}

}  // namespace mailhaul::store
