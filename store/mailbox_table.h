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
    bool removed = false;  // Its name is free again.
  };

  void AddTenant(TenantId tenant, std::string name);
  // Adds it, or changes the address of a known one.
  void SetMailbox(MailboxId mailbox, Entry entry);
  // What was removed is known by its number only, and no longer counted. Again: no change.
  void RemoveMailbox(MailboxId mailbox);
  void RemoveTenant(TenantId tenant);
  // A removed tenant and its mailboxes were never there.
  void ForgetTenant(TenantId tenant);

  bool HasTenant(TenantId tenant) const;  // False once it was removed.
  std::optional<TenantId> FindTenant(std::string_view name) const;
  std::string NameOf(TenantId tenant) const;  // Also once removed; "" of none.
  std::optional<MailboxId> FindMailbox(TenantId tenant, std::string_view name) const;
  std::optional<Entry> Find(MailboxId mailbox) const;         // Removed ones too.
  std::optional<TenantId> TenantOf(MailboxId mailbox) const;  // Not of removed ones.
  size_t MailboxCount(TenantId tenant) const;
  size_t MailboxCount(TenantId tenant, ShardId shard) const;
  std::vector<MailboxId> MailboxesOf(TenantId tenant) const;  // By name.
  // Those that hold, or held, mailboxes of the tenant, ascending.
  std::vector<ShardId> ShardsOf(TenantId tenant) const;
  std::vector<ShardId> Shards() const;                      // Of any tenant; the same.
  std::vector<std::pair<MailboxId, TenantId>> All() const;  // Removed ones too.

 private:
  struct Tenant {
    std::string name;
    std::map<std::string, MailboxId, std::less<>> mailboxes;
    std::map<ShardId, size_t> shards;  // With the number of mailboxes that were not removed.
    bool removed = false;
  };

  mutable std::shared_mutex mutex_;
  std::map<uint32_t, Tenant> tenants_;  // All guarded by mutex_.
  std::map<std::string, TenantId, std::less<>> tenant_names_;
  std::unordered_map<MailboxId, Entry> mailboxes_;
};

}  // namespace mailhaul::store
