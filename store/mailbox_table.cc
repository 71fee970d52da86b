#include "store/mailbox_table.h"

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
  size_t& count = tenant.shards[mailbox.shard()];
  if (!entry.removed && tenant.mailboxes.emplace(entry.name, mailbox).second) {
    ++count;
  }
  mailboxes_.insert_or_assign(mailbox, std::move(entry));
}

void MailboxTable::RemoveMailbox(MailboxId mailbox) {
  const std::unique_lock lock(mutex_);
  const auto found = mailboxes_.find(mailbox);
  if (found == mailboxes_.end() || found->second.removed) {
    return;
  }
  found->second.removed = true;
  Tenant& tenant = tenants_[found->second.tenant.value];
  tenant.mailboxes.erase(found->second.name);
  --tenant.shards[mailbox.shard()];
}

void MailboxTable::RemoveTenant(TenantId tenant) {
  const std::unique_lock lock(mutex_);
  const auto found = tenants_.find(tenant.value);
  if (found != tenants_.end() && !found->second.removed) {
    found->second.removed = true;
    tenant_names_.erase(found->second.name);
  }
}

void MailboxTable::ForgetTenant(TenantId tenant) {
  const std::unique_lock lock(mutex_);
  tenants_.erase(tenant.value);
  std::erase_if(mailboxes_, [tenant](const auto& each) { return each.second.tenant == tenant; });
}

bool MailboxTable::HasTenant(TenantId tenant) const {
  const std::shared_lock lock(mutex_);
  const auto found = tenants_.find(tenant.value);
  return found != tenants_.end() && !found->second.removed;
}

std::optional<TenantId> MailboxTable::FindTenant(std::string_view name) const {
  const std::shared_lock lock(mutex_);
  const auto found = tenant_names_.find(name);
  return found == tenant_names_.end() ? std::nullopt : std::optional(found->second);
}

std::string MailboxTable::NameOf(TenantId tenant) const {
  const std::shared_lock lock(mutex_);
  const auto found = tenants_.find(tenant.value);
  return found == tenants_.end() ? std::string() : found->second.name;
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
  return found == mailboxes_.end() || found->second.removed ? std::nullopt
                                                            : std::optional(found->second.tenant);
}

size_t MailboxTable::MailboxCount(TenantId tenant) const {
  const std::shared_lock lock(mutex_);
  const auto found = tenants_.find(tenant.value);
  return found == tenants_.end() ? 0 : found->second.mailboxes.size();
}

size_t MailboxTable::MailboxCount(TenantId tenant, ShardId shard) const {
  const std::shared_lock lock(mutex_);
  const auto found = tenants_.find(tenant.value);
  if (found == tenants_.end()) {
    return 0;
  }
  const auto count = found->second.shards.find(shard);
  return count == found->second.shards.end() ? 0 : count->second;
}

std::vector<MailboxId> MailboxTable::MailboxesOf(TenantId tenant) const {
  const std::shared_lock lock(mutex_);
  std::vector<MailboxId> mailboxes;
  if (const auto found = tenants_.find(tenant.value); found != tenants_.end()) {
    for (const auto& [name, mailbox] : found->second.mailboxes) {
      mailboxes.push_back(mailbox);
    }
  }
  return mailboxes;
}

std::vector<ShardId> MailboxTable::ShardsOf(TenantId tenant) const {
  const std::shared_lock lock(mutex_);
  std::vector<ShardId> shards;
  if (const auto found = tenants_.find(tenant.value); found != tenants_.end()) {
    for (const auto& [shard, count] : found->second.shards) {
      shards.push_back(shard);
    }
  }
  return shards;
}

std::vector<std::pair<MailboxId, TenantId>> MailboxTable::All() const {
  const std::shared_lock lock(mutex_);
  std::vector<std::pair<MailboxId, TenantId>> all;
  all.reserve(mailboxes_.size());
  for (const auto& [mailbox, entry] : mailboxes_) {
    all.emplace_back(mailbox, entry.tenant);
  }
  return all;
}

std::vector<ShardId> MailboxTable::Shards() const {
  const std::shared_lock lock(mutex_);
  std::set<ShardId> shards;
  for (const auto& [id, tenant] : tenants_) {
    for (const auto& [shard, count] : tenant.shards) {
      shards.insert(shard);
    }
  }
  return {shards.begin(), shards.end()};
}

}  // namespace mailhaul::store
