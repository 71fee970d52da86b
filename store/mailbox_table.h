// Who has which id: all tenants and mailboxes of the installation, in memory.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/ids.h"

namespace mailhaul::store {

// Mailboxes of a tenant that share a shard, at most (design: buckets).
inline constexpr size_t kBucketMailboxesMax = 256;

// The shard of a tenant's mailboxes number bucket * 256 and following; never the control shard.
// Stored ids depend on it: never change it.
ShardId ShardOfBucket(TenantId tenant, uint64_t bucket);

// Thread-safe; one thread adds.
class MailboxTable final {
 public:
  struct Entry {
    TenantId tenant;
    std::string name;
    std::string address;
  };

  void AddTenant(TenantId tenant, std::string name);
  // Adds it, or changes the address of a known one.
  void SetMailbox(MailboxId mailbox, Entry entry);

  bool HasTenant(TenantId tenant) const;
  std::optional<TenantId> FindTenant(std::string_view name) const;
  std::optional<MailboxId> FindMailbox(TenantId tenant, std::string_view name) const;
  std::optional<Entry> Find(MailboxId mailbox) const;
  std::optional<TenantId> TenantOf(MailboxId mailbox) const;
  size_t MailboxCount(TenantId tenant) const;
  // Those that hold mailboxes of the tenant, ascending.
  std::vector<ShardId> ShardsOf(TenantId tenant) const;
  std::vector<ShardId> Shards() const;  // Of any tenant; the same.

 private:
  struct Tenant {
    std::string name;
    std::map<std::string, MailboxId, std::less<>> mailboxes;
    std::vector<ShardId> shards;  // Ascending, each once.
  };

  mutable std::shared_mutex mutex_;
  std::map<uint32_t, Tenant> tenants_;  // All guarded by mutex_.
  std::map<std::string, TenantId, std::less<>> tenant_names_;
  std::unordered_map<MailboxId, Entry> mailboxes_;
};

}  // namespace mailhaul::store
