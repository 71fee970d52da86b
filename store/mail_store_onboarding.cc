#include <algorithm>
#include <map>
#include <utility>

#include "base/text.h"
#include "store/key_layout.h"
#include "store/mail_store.h"
#include "store/mail_store_impl.h"
#include "store/shard_batch.h"

namespace mailhaul::store {
namespace {

constexpr size_t kErrorCodeBytesMax = 64;
constexpr size_t kErrorDetailBytesMax = 1024;
constexpr size_t kPendingChecksMax = 1024;
constexpr Duration kPendingChecksAge = std::chrono::seconds(5);
// Rows of onboarding and of checks are below 2 KiB.
constexpr size_t kRowBytesMax = 2048;

Status CheckText(std::string_view text, size_t bytes_max, std::string_view what) {
  if (text.empty() || text.size() > bytes_max) {
    return {Code::kInvalidArgument, std::string(what) + " must have 1 to " +
                                        std::to_string(bytes_max) + " bytes, not " +
                                        std::to_string(text.size())};
  }
  return Status::Ok();
}

// Mailboxes that are assigned with one commit.
struct Assignments {
  Batch batch;
  Sequences sequences;
  std::map<ShardId, size_t> added;  // Of the tenant, to each shard.
  size_t added_count = 0;
  // By name, which may stand twice: the first one counts.
  std::map<std::string_view, std::pair<MailboxId, const MailStore::NewMailbox*>> mailboxes;
};

// Where the tenant's next mailbox lies: the buckets fill up one after the other, and one that
// others were removed from again.
ShardId NextShard(const MailboxTable& table, TenantId tenant, const Assignments& assignments) {
  uint64_t bucket = (table.MailboxCount(tenant) + assignments.added_count) / kBucketMailboxesMax;
  for (;; ++bucket) {
    const ShardId shard = ShardOfBucket(tenant, bucket);
    const auto added = assignments.added.find(shard);
    const size_t here = added == assignments.added.end() ? 0 : added->second;
    if (table.MailboxCount(tenant, shard) + here < kBucketMailboxesMax) {
      return shard;
    }
  }
}

// The mailbox's id. Writes to the batch when it is new or its address changed.
Result<MailboxId> Assign(const MailboxTable& table, TenantId tenant,
                         const MailStore::NewMailbox& mailbox, Assignments& out) {
  MH_RETURN_IF_ERROR(CheckText(mailbox.name, kNameBytesMax, "a mailbox's name"));
  MH_RETURN_IF_ERROR(CheckText(mailbox.address, kAddressBytesMax, "a mailbox's address"));
  if (const auto twin = out.mailboxes.find(mailbox.name); twin != out.mailboxes.end()) {
    return twin->second.first;
  }
  const std::string record = EncodeAssignment({.name = mailbox.name, .address = mailbox.address});
  std::optional<MailboxId> id = table.FindMailbox(tenant, mailbox.name);
  if (!id) {
    const ShardId shard = NextShard(table, tenant, out);
    ++out.added[shard];
    ++out.added_count;
    id = MailboxId::Make(shard, out.sequences.first++);
    const std::string key = AssignmentKey(tenant, *id);
    out.batch.expectations.push_back({.key = key, .value = std::nullopt});
    out.batch.Put(key, record);
  } else if (table.Find(*id)->address != mailbox.address) {
    out.batch.Put(AssignmentKey(tenant, *id), record);
  }
  out.mailboxes.emplace(mailbox.name, std::pair(*id, &mailbox));
  return *id;
}

void PutSequences(Batch& batch, const ShardState& state, const Sequences& sequences) {
  batch.expectations.push_back({.key = ControlSequenceKey(), .value = state.sequences_stored});
  batch.Put(ControlSequenceKey(), EncodeSequences(sequences));
}

}  // namespace

Result<TenantId> MailStore::EnsureTenant(std::string_view name) {
  if (const std::optional<TenantId> known = impl_->table.FindTenant(name)) {
    return *known;
  }
  MH_RETURN_IF_ERROR(CheckText(name, kNameBytesMax, "a tenant's name"));
  MH_ASSIGN_OR_RETURN(ShardState * control, impl_->cache.Shard(kControlShard));
  Sequences sequences = control->sequences;
  const TenantId tenant{static_cast<uint32_t>(sequences.second++)};
  Batch batch;
  batch.shard = kControlShard;
  batch.expectations.push_back({.key = TenantKey(tenant), .value = std::nullopt});
  batch.Put(TenantKey(tenant), std::string(name));
  MH_RETURN_IF_ERROR(impl_->CommitAssignments(std::move(batch), sequences));
  impl_->table.AddTenant(tenant, std::string(name));
  return tenant;
}

Status MailStore::Impl::CommitAssignments(Batch batch, const Sequences& sequences) {
  MH_ASSIGN_OR_RETURN(ShardState * control, cache.Shard(kControlShard));
  PutSequences(batch, *control, sequences);
  MH_RETURN_IF_ERROR(CommitOne(std::move(batch)));
  control->sequences = sequences;
  control->sequences_stored = EncodeSequences(sequences);
  return Status::Ok();
}

Result<std::vector<MailboxId>> MailStore::EnsureMailboxes(TenantId tenant,
                                                          std::span<const NewMailbox> mailboxes) {
  if (!impl_->table.HasTenant(tenant)) {
    return Status(Code::kNotFound, "no tenant " + std::to_string(tenant.value));
  }
  std::vector<MailboxId> ids;
  ids.reserve(mailboxes.size());
  constexpr size_t kAtOnce = kBatchBytesMax / kRowBytesMax - 1;
  while (ids.size() < mailboxes.size()) {
    MH_ASSIGN_OR_RETURN(const ShardState* control, impl_->cache.Shard(kControlShard));
    Assignments assignments;
    assignments.batch.shard = kControlShard;
    assignments.sequences = control->sequences;
    const size_t end = std::min(mailboxes.size(), ids.size() + kAtOnce);
    for (size_t i = ids.size(); i < end; ++i) {
      MH_ASSIGN_OR_RETURN(const MailboxId id,
                          Assign(impl_->table, tenant, mailboxes[i], assignments));
      ids.push_back(id);
    }
    if (!assignments.batch.writes.empty()) {
      MH_RETURN_IF_ERROR(
          impl_->CommitAssignments(std::move(assignments.batch), assignments.sequences));
    }
    for (const auto& [name, assigned] : assignments.mailboxes) {
      const auto& [id, mailbox] = assigned;
      impl_->table.SetMailbox(
          id, {.tenant = tenant, .name = mailbox->name, .address = mailbox->address});
    }
  }
  return ids;
}

Result<MailboxId> MailStore::EnsureMailbox(TenantId tenant, std::string_view name,
                                           std::string_view address) {
  const NewMailbox mailbox{.name = std::string(name), .address = std::string(address)};
  MH_ASSIGN_OR_RETURN(const std::vector<MailboxId> ids, EnsureMailboxes(tenant, {&mailbox, 1}));
  return ids.front();
}

Result<FolderId> MailStore::EnsureFolder(MailboxId mailbox, std::string_view name,
                                         std::string_view role) {
  const NewFolder folder{.name = std::string(name), .role = std::string(role), .is_label = false};
  MH_ASSIGN_OR_RETURN(const std::vector<FolderId> ids, EnsureFolders(mailbox, {&folder, 1}));
  return ids.front();
}

Result<std::vector<FolderId>> MailStore::EnsureFolders(MailboxId mailbox,
                                                       std::span<const NewFolder> folders) {
  MH_ASSIGN_OR_RETURN(MailboxState * state, impl_->cache.Mailbox(mailbox));
  std::map<std::string_view, const FolderState*> by_name;
  for (const auto& [id, known] : state->folders) {
    by_name.emplace(known.record.name, &known);
  }
  FolderId next_id = state->folders.empty() ? 1 : state->folders.rbegin()->first + 1;
  std::map<std::string_view, FolderId> added;
  std::vector<FolderId> ids;
  std::vector<FolderState> changed;
  for (const NewFolder& folder : folders) {
    MH_RETURN_IF_ERROR(CheckText(folder.name, kFolderNameBytesMax, "a folder's name"));
    if (const auto twin = added.find(folder.name); twin != added.end()) {
      ids.push_back(twin->second);  // A server may list a name twice.
      continue;
    }
    const auto found = by_name.find(folder.name);
    FolderState entry = found == by_name.end() ? FolderState() : *found->second;
    const std::string role = folder.role.substr(0, kNameBytesMax);
    if (found == by_name.end()) {
      entry.record.id = next_id++;
      entry.record.name = folder.name;
    }
    added.emplace(folder.name, entry.record.id);
    ids.push_back(entry.record.id);
    if (found == by_name.end() || entry.record.role != role || !entry.record.listed ||
        entry.record.is_label != folder.is_label) {
      entry.record.role = role;
      entry.record.is_label = folder.is_label;
      entry.record.listed = true;
      changed.push_back(std::move(entry));
    }
  }
  MH_RETURN_IF_ERROR(impl_->CommitFolders(mailbox, *state, std::move(changed)));
  return ids;
}

Status MailStore::SaveFolder(MailboxId mailbox, const FolderRecord& folder) {
  return SaveFolders(mailbox, {&folder, 1});
}

Status MailStore::SaveFolders(MailboxId mailbox, std::span<const FolderRecord> folders) {
  MH_ASSIGN_OR_RETURN(MailboxState * state, impl_->cache.Mailbox(mailbox));
  std::vector<FolderState> changed;
  for (const FolderRecord& folder : folders) {
    const auto found = state->folders.find(folder.id);
    if (found == state->folders.end()) {
      return {Code::kNotFound,
              "no folder " + std::to_string(folder.id) + " in mailbox " + FormatId(mailbox.value)};
    }
    FolderState entry = found->second;
    entry.record.uid_validity = folder.uid_validity;
    entry.record.uid_next = folder.uid_next;
    entry.record.window_complete = folder.window_complete;
    entry.record.backfill_complete = folder.backfill_complete;
    entry.record.modseq = folder.modseq;
    entry.record.source_messages = folder.source_messages;
    entry.record.source_unseen = folder.source_unseen;
    entry.record.flags_checked_at = folder.flags_checked_at;
    if (EncodeFolder(entry) != EncodeFolder(found->second)) {
      changed.push_back(std::move(entry));  // A check that finds nothing writes nothing.
    }
  }
  return impl_->CommitFolders(mailbox, *state, std::move(changed));
}

Status MailStore::Impl::CommitFolders(MailboxId mailbox, MailboxState& state,
                                      std::vector<FolderState> folders) {
  constexpr size_t kAtOnce = kBatchBytesMax / kRowBytesMax - 1;
  for (size_t begin = 0; begin < folders.size(); begin += kAtOnce) {
    const std::span<FolderState> part =
        std::span(folders).subspan(begin, std::min(kAtOnce, folders.size() - begin));
    Batch batch;
    batch.shard = mailbox.shard();
    for (const FolderState& folder : part) {
      batch.Put(FolderKey(mailbox, folder.record.id), EncodeFolder(folder));
    }
    MH_RETURN_IF_ERROR(CommitOne(std::move(batch)));
    for (FolderState& folder : part) {
      state.folders.insert_or_assign(folder.record.id, std::move(folder));
    }
  }
  return Status::Ok();
}

Status MailStore::SaveMailboxCheck(const MailboxRecord& mailbox) {
  MH_RETURN_IF_ERROR(impl_->failed);
  if (!impl_->table.TenantOf(mailbox.id)) {
    return {Code::kNotFound, "no mailbox " + FormatId(mailbox.id.value)};
  }
  {
    const std::lock_guard lock(impl_->checks_mutex);
    if (impl_->checks.empty()) {
      impl_->checks_since = impl_->clock.Now();
    }
    MailboxRecord& check = impl_->checks[mailbox.id];
    check = mailbox;
    check.error_code = Utf8Prefix(mailbox.error_code, kErrorCodeBytesMax);
    check.error_detail = Utf8Prefix(mailbox.error_detail, kErrorDetailBytesMax);
  }
  return impl_->ChecksAreDue() ? impl_->FlushChecks() : Status::Ok();
}

Status MailStore::NoteMailboxUpdated(MailboxId mailbox) {
  MH_RETURN_IF_ERROR(impl_->failed);
  const std::optional<TenantId> tenant = impl_->table.TenantOf(mailbox);
  if (!tenant) {
    return {Code::kNotFound, "no mailbox " + FormatId(mailbox.value)};
  }
  return CommitShardBatch(*impl_, mailbox.shard(), [&](ShardBatch& batch) -> Status {
    MH_ASSIGN_OR_RETURN(const MailboxState* state, impl_->cache.Mailbox(mailbox));
    batch.Put(MailboxKey(mailbox), EncodeMailbox(state->record));
    batch.AddChange(ChangeEntry::Type::kMailboxUpdated, *tenant, mailbox, {});
    return Status::Ok();
  });
}

Status MailStore::FlushChecks() { return impl_->FlushChecks(); }

bool MailStore::Impl::ChecksAreDue() const {
  const std::lock_guard lock(checks_mutex);
  return !checks.empty() &&
         (checks.size() >= kPendingChecksMax || clock.Now() - checks_since >= kPendingChecksAge);
}

std::optional<MailboxRecord> MailStore::Impl::PendingCheck(MailboxId mailbox) const {
  const std::lock_guard lock(checks_mutex);
  const auto found = checks.find(mailbox);
  return found == checks.end() ? std::nullopt : std::optional(found->second);
}

void ApplyCheck(const std::optional<MailboxRecord>& check, MailboxRecord& record) {
  if (!check) {
    return;
  }
  record.last_complete = check->last_complete;
  record.last_used = check->last_used;
  record.window_coverage = check->window_coverage;
  record.backfill_coverage = check->backfill_coverage;
  record.error_code = check->error_code;
  record.error_detail = check->error_detail;
}

void MailStore::Impl::ForgetCheck(MailboxId mailbox) {
  const std::lock_guard lock(checks_mutex);
  checks.erase(mailbox);
}

Status MailStore::Impl::FlushChecks() {
  std::vector<MailboxId> mailboxes;
  {
    const std::lock_guard lock(checks_mutex);
    for (const auto& [mailbox, check] : checks) {
      mailboxes.push_back(mailbox);  // Ordered by shard.
    }
  }
  if (mailboxes.empty()) {
    return Status::Ok();
  }
  MH_RETURN_IF_ERROR(failed);
  // At most kBucketMailboxesMax mailboxes of a tenant share a shard, but several tenants may:
  // what does not fit one batch waits for the next flush.
  std::vector<Batch> batches;
  std::vector<MailboxId> written;
  for (const MailboxId mailbox : mailboxes) {
    if (batches.empty() || batches.back().shard != mailbox.shard()) {
      batches.emplace_back().shard = mailbox.shard();
    }
    Batch& batch = batches.back();
    if (batch.writes.size() >= kBatchBytesMax / kRowBytesMax) {
      continue;
    }
    MH_ASSIGN_OR_RETURN(MailboxState * state, cache.Mailbox(mailbox));
    ApplyCheck(PendingCheck(mailbox), state->record);
    batch.Put(MailboxKey(mailbox), EncodeMailbox(state->record));
    written.push_back(mailbox);
  }
  std::vector<Outcome> outcomes(batches.size());
  Commit(batches, outcomes);
  for (const Outcome& outcome : outcomes) {
    MH_RETURN_IF_ERROR(StatusOf(outcome));
  }
  for (const MailboxId mailbox : written) {
    ForgetCheck(mailbox);
  }
  const std::lock_guard lock(checks_mutex);
  checks_since = clock.Now();
  return Status::Ok();
}

}  // namespace mailhaul::store
