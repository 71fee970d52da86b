#include "store/removal.h"

#include <algorithm>
#include <functional>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "store/key_layout.h"
#include "store/mail_store.h"
#include "store/mail_store_impl.h"
#include "store/sealed_secrets.h"

namespace mailhaul::store {
namespace {

constexpr char kPending = 1;
constexpr char kEnded = 2;
constexpr size_t kRemovalKeyBytes = kKeyPrefixBytes + sizeof(uint32_t) + sizeof(uint64_t);
// Of one mailbox in a batch: its assignment, its removal row and three secrets.
constexpr size_t kRowBytesMax = 4096;

// Those of mailboxes that the table has not, too: the next tenant of that name must not get them.
Status RemoveSecrets(KeyValueStore& records, const std::string& tenant_name,
                     const std::function<Status(Batch)>& commit) {
  constexpr size_t kAtOnce = kBatchBytesMax / kRowBytesMax;
  for (const std::string_view kind :
       {kSourceTokenPrefix, kSubmissionTokenPrefix, kAddedMailboxPrefix}) {
    const std::string prefix = SecretKey(std::string(kind) + tenant_name + "/");
    for (bool more = true; more;) {
      Batch batch;
      batch.shard = kControlShard;
      const auto remove = [&batch](std::string_view key, std::string_view /*value*/) {
        batch.Delete(std::string(key));
        return true;
      };
      MH_ASSIGN_OR_RETURN(
          more,
          records.Scan({.begin = prefix, .end = PrefixEnd(prefix), .rows_max = kAtOnce}, remove));
      if (!batch.writes.empty()) {
        MH_RETURN_IF_ERROR(commit(std::move(batch)));
      }
    }
  }
  return Status::Ok();
}

}  // namespace

std::string EncodeRemoval(const RemovalRecord& record) {
  return (record.ended ? kEnded : kPending) + record.name;
}

Result<RemovalRecord> DecodeRemoval(std::string_view value) {
  if (value.size() < 2 || value.size() > 1 + kNameBytesMax ||
      (value.front() != kPending && value.front() != kEnded)) {
    return Status(Code::kCorrupt, "not a valid removal record");
  }
  return RemovalRecord{.ended = value.front() == kEnded, .name = std::string(value.substr(1))};
}

Status MailStore::Impl::LoadRemovals() {
  const auto add = [this](std::string_view key, std::string_view value) -> Status {
    if (key.size() != kRemovalKeyBytes) {
      return {Code::kCorrupt, "not a valid removal key"};
    }
    const TenantId tenant{ReadU32(key, kKeyPrefixBytes)};
    const MailboxId mailbox{ReadU64(key, kKeyPrefixBytes + sizeof(uint32_t))};
    MH_ASSIGN_OR_RETURN(RemovalRecord record, DecodeRemoval(value));
    if (mailbox.value == 0) {
      table.AddTenant(tenant, record.name);
      table.RemoveTenant(tenant);
    } else {
      table.SetMailbox(mailbox,
                       {.tenant = tenant, .name = record.name, .address = "", .removed = true});
    }
    if (!record.ended) {
      removals.waiting.push_back({.tenant = tenant, .mailbox = mailbox, .name = record.name});
    }
    return Status::Ok();
  };
  MH_RETURN_IF_ERROR(VisitRows(records, RemovalPrefix(), add));
  // A tenant's row lies before those of its mailboxes, but comes last.
  std::stable_partition(removals.waiting.begin(), removals.waiting.end(),
                        [](const Removal& removal) { return removal.mailbox.value != 0; });
  removals.pending.store(removals.waiting.size());
  return Status::Ok();
}

Status MailStore::Impl::RemoveMailboxes(TenantId tenant, std::span<const MailboxId> mailboxes) {
  const std::string tenant_name = table.NameOf(tenant);
  constexpr size_t kAtOnce = kBatchBytesMax / kRowBytesMax;
  for (size_t begin = 0; begin < mailboxes.size(); begin += kAtOnce) {
    const std::span<const MailboxId> part =
        mailboxes.subspan(begin, std::min(kAtOnce, mailboxes.size() - begin));
    std::vector<Removal> removed;
    Batch batch;
    batch.shard = kControlShard;
    for (const MailboxId mailbox : part) {
      Removal removal{.tenant = tenant, .mailbox = mailbox, .name = table.Find(mailbox)->name};
      const std::string full_name = tenant_name + "/" + removal.name;
      // No expectation: after an unknown outcome the same batch is sent again.
      batch.Put(RemovalKey(tenant, mailbox), EncodeRemoval({.ended = false, .name = removal.name}));
      batch.Delete(AssignmentKey(tenant, mailbox));
      batch.Delete(SecretKey(std::string(kSourceTokenPrefix) + full_name));
      batch.Delete(SecretKey(std::string(kSubmissionTokenPrefix) + full_name));
      batch.Delete(SecretKey(std::string(kAddedMailboxPrefix) + full_name));
      removed.push_back(std::move(removal));
    }
    MH_RETURN_IF_ERROR(CommitOne(std::move(batch)));
    for (Removal& removal : removed) {
      table.RemoveMailbox(removal.mailbox);
      ForgetCheck(removal.mailbox);
      cache.Drop(removal.mailbox.shard());
      AddRemoval(std::move(removal));
    }
  }
  return Status::Ok();
}

void MailStore::Impl::AddRemoval(Removal removal) {
  removals.waiting.push_back(std::move(removal));
  removals.pending.store(removals.waiting.size());
}

Status MailStore::RemoveMailbox(MailboxId mailbox) {
  const std::optional<TenantId> tenant = impl_->table.TenantOf(mailbox);
  if (!tenant) {
    return {Code::kNotFound, "no mailbox " + FormatId(mailbox.value)};
  }
  return impl_->RemoveMailboxes(*tenant, {&mailbox, 1});
}

Status MailStore::RemoveTenant(TenantId tenant) {
  if (!impl_->table.HasTenant(tenant)) {
    return {Code::kNotFound, "no tenant " + std::to_string(tenant.value)};
  }
  MH_RETURN_IF_ERROR(impl_->RemoveMailboxes(tenant, impl_->table.MailboxesOf(tenant)));
  const auto commit = [this](Batch one) { return impl_->CommitOne(std::move(one)); };
  MH_RETURN_IF_ERROR(RemoveSecrets(impl_->records, impl_->table.NameOf(tenant), commit));
  Removal removal{.tenant = tenant, .mailbox = {}, .name = impl_->table.NameOf(tenant)};
  Batch batch;
  batch.shard = kControlShard;
  batch.Put(RemovalKey(tenant, {}), EncodeRemoval({.ended = false, .name = removal.name}));
  batch.Delete(TenantKey(tenant));
  MH_RETURN_IF_ERROR(impl_->CommitOne(std::move(batch)));
  impl_->table.RemoveTenant(tenant);
  impl_->AddRemoval(std::move(removal));
  return Status::Ok();
}

size_t MailStore::removals_pending() const { return impl_->removals.pending.load(); }

}  // namespace mailhaul::store
