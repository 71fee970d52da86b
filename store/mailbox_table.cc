#include "store/mailbox_table.h"

#include <algorithm>
#include <set>

namespace mailhaul::store {
namespace {

// The finalizer of splitmix64.
uint64_t Mix(uint64_t value) {
  value += 0x9E3779B97F4A7C15ULL;
  value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9ULL;
  value = (value ^ (value >> 27)) * 0x94D049BB133111EBULL;
  return value ^ (value >> 31);
}

}  // namespace

ShardId ShardOfBucket(TenantId tenant, uint64_t bucket) {
  constexpr uint64_t kMailShards = 65535;
  return static_cast<ShardId>(1 + Mix(Mix(tenant.value) ^ bucket) % kMailShards);
}

void MailboxTable::AddTenant(TenantId tenant, std::string name) {
  const std::unique_lock lock(mutex_);
  tenant_names_.emplace(name, tenant);
  tenants_[tenant.value].name = std::move(name);
}

void MailboxTable::SetMailbox(MailboxId mailbox, Entry entry) {
  const std::unique_lock lock(mutex_);
  Tenant& tenant = tenants_[entry.tenant.value];
  tenant.mailboxes.emplace(entry.name, mailbox);
  const auto place = std::lower_bound(tenant.shards.begin(), tenant.shards.end(), mailbox.shard());
  if (place == tenant.shards.end() || *place != mailbox.shard()) {
    tenant.shards.insert(place, mailbox.shard());
  }
  mailboxes_.insert_or_assign(mailbox, std::move(entry));
}

bool MailboxTable::HasTenant(TenantId tenant) const {
  const std::shared_lock lock(mutex_);
  return tenants_.contains(tenant.value);
}

std::optional<TenantId> MailboxTable::FindTenant(std::string_view name) const {
  const std::shared_lock lock(mutex_);
  const auto found = tenant_names_.find(name);
  return found == tenant_names_.end() ? std::nullopt : std::optional(found->second);
}

std::optional<MailboxId> MailboxTable::FindMailbox(TenantId tenant, std::string_view name) const {
  const std::shared_lock lock(mutex_);
  const auto owner = tenants_.find(tenant.value);
  if (owner == tenants_.end()) {
    return std::nullopt;
  }
  const auto found = owner->second.mailboxes.find(name);
  return found == owner->second.mailboxes.end() ? std::nullopt : std::optional(found->second);
}

std::optional<MailboxTable::Entry> MailboxTable::Find(MailboxId mailbox) const {
  const std::shared_lock lock(mutex_);
  const auto found = mailboxes_.find(mailbox);
  return found == mailboxes_.end() ? std::nullopt : std::optional(found->second);
}

std::optional<TenantId> MailboxTable::TenantOf(MailboxId mailbox) const {
  const std::shared_lock lock(mutex_);
  const auto found = mailboxes_.find(mailbox);
  return found == mailboxes_.end() ? std::nullopt : std::optional(found->second.tenant);
}

size_t MailboxTable::MailboxCount(TenantId tenant) const {
  const std::shared_lock lock(mutex_);
  const auto found = tenants_.find(tenant.value);
  return found == tenants_.end() ? 0 : found->second.mailboxes.size();
}

std::vector<ShardId> MailboxTable::ShardsOf(TenantId tenant) const {
  const std::shared_lock lock(mutex_);
  const auto found = tenants_.find(tenant.value);
  return found == tenants_.end() ? std::vector<ShardId>() : found->second.shards;
}

std::vector<ShardId> MailboxTable::Shards() const {
  const std::shared_lock lock(mutex_);
  std::set<ShardId> shards;
  for (const auto& [id, tenant] : tenants_) {
    shards.insert(tenant.shards.begin(), tenant.shards.end());
  }
  return {shards.begin(), shards.end()};
}

}  // namespace mailhaul::store
