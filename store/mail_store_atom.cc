#include <algorithm>
#include <utility>

#include "base/check.h"
#include "store/key_layout.h"
#include "store/mail_store_append.h"

namespace mailhaul::store {
namespace {

// All that one message can add to a batch: 48 KiB of content, 16 KiB of keywords, two ledger
// segments that a split rewrites, its folder and mailbox, and a kilobyte of index rows.
constexpr size_t kAtomBytesMax = size_t{128} << 10;
constexpr size_t kMailboxRowBytes = 2048;
constexpr size_t kFolderRowBytes = 2048;
constexpr size_t kBlobRowBytes = 128;
constexpr size_t kSequenceRowBytes = 64;
constexpr uint8_t kSeenFlag = 1;  // The bit of IngestMessage::flags that makes a message read.

bool IsUnread(uint8_t flags) { return (flags & kSeenFlag) == 0; }

std::string FolderValue(FolderId folder) {
  std::string value;
  AppendU32(value, folder);
  return value;
}

std::string IdValue(MessageId id) {
  std::string value;
  AppendU64(value, id.value);
  return value;
}

// What the source says of the message under its present UID.
void SetSourceState(Placement& placement, const IngestBatch& batch, const IngestMessage& message) {
  placement.uid_validity = batch.uid_validity;
  placement.uid = message.uid;
  placement.flags = message.flags;
  placement.keywords = message.keywords;
}

}  // namespace

AtomBuilder::AtomBuilder(MailStore::Impl& store, ShardWork& work)
    : store_(store),
      work_(work),
      current_before_(work.current),
      work_before_(work.batches[work.current]) {
  batch_.shard = work.shard;
}

void AtomBuilder::Put(std::string key, std::string value) {
  put_bytes_ += key.size() + value.size();
  batch_.Put(std::move(key), std::move(value));
}

void AtomBuilder::Delete(std::string key) {
  put_bytes_ += key.size();
  batch_.Delete(std::move(key));
}

size_t AtomBuilder::bytes() const {
  return put_bytes_ + ledger_bytes_ + touched_.size() * kMailboxRowBytes +
         touched_folders_ * kFolderRowBytes + bodies_.size() * kBlobRowBytes + kSequenceRowBytes;
}

bool AtomBuilder::full() const { return bytes() + kAtomBytesMax > kBatchBytesMax; }

Status AtomBuilder::Build() {
  MH_ASSIGN_OR_RETURN(shard_, store_.cache.Shard(work_.shard));
  while (work_.current < work_.batches.size() && !full()) {
    BatchWork& next = work_.batches[work_.current];
    MH_RETURN_IF_ERROR(TakeFrom(next));
    if (next.done()) {
      ++work_.current;
    }
  }
  Finish();
  return Status::Ok();
}

Result<AtomBuilder::Target> AtomBuilder::Touch(const BatchWork& work) {
  const IngestBatch& batch = *work.batch;
  Target target;
  MH_ASSIGN_OR_RETURN(target.mailbox, store_.cache.Mailbox(batch.mailbox));
  const auto folder = target.mailbox->folders.find(batch.folder);
  if (folder == target.mailbox->folders.end()) {
    return Status(Code::kNotFound, "no folder " + std::to_string(batch.folder) + " in mailbox " +
                                       FormatId(batch.mailbox.value));
  }
  target.folder = &folder->second;
  target.ledger_id = {
      .mailbox = batch.mailbox, .folder = batch.folder, .uid_validity = batch.uid_validity};
  MH_ASSIGN_OR_RETURN(target.ledger, store_.cache.LedgerOf(target.ledger_id));
  target.counts = &counts_[work.batch];
  return target;
}

Status AtomBuilder::TakeFrom(BatchWork& work) {
  MH_ASSIGN_OR_RETURN(const Target target, Touch(work));
  while (!work.messages_done() && !full()) {
    MH_RETURN_IF_ERROR(AddMessage(work, target, work.batch->messages[work.next_message]));
    ++work.next_message;
  }
  if (work.messages_done()) {
    AddRanges(work, target);
  }
  return Status::Ok();
}

Status AtomBuilder::AddMessage(const BatchWork& work, const Target& target,
                               const IngestMessage& message) {
  if (target.ledger->Contains(message.uid)) {
    ++target.counts->duplicates;
    return Status::Ok();
  }
  touched_folders_ += touched_[work.batch->mailbox].insert(work.batch->folder).second ? 1 : 0;
  FolderState& folder = *target.folder;
  if (folder.placements_validity != work.batch->uid_validity) {
    folder.placements_validity = work.batch->uid_validity;
    folder.stale_placements = folder.record.messages;  // At most all of them.
  }
  bool relinked = false;
  if (folder.stale_placements > 0) {
    MH_ASSIGN_OR_RETURN(relinked, Relink(work, target, message));
  }
  if (!relinked) {
    AddPlacement(work, target, message);
  }
  AddToLedger(target, message.uid);
  return Status::Ok();
}

void AtomBuilder::AddPlacement(const BatchWork& work, const Target& target,
                               const IngestMessage& message) {
  const IngestBatch& batch = *work.batch;
  const auto body = work_.bodies.find(BlobKey(work_.shard, work.tenant, message.sha256));
  MH_CHECK(body != work_.bodies.end() && body->second.checked);
  BodyState& state = body->second;
  if (!state.changed) {
    state.changed = true;
    bodies_.push_back(&*body);
  }
  if (state.reference.count++ == 0) {
    target.counts->bytes_stored += message.size;
  }

  Placement placement;
  placement.mailbox = batch.mailbox;
  placement.folder = batch.folder;
  SetSourceState(placement, batch, message);
  placement.internal_date = message.internal_date;
  placement.size = message.size;
  placement.thread = message.thread;
  placement.quarantined = message.quarantined;
  placement.sha256 = message.sha256;
  placement.location = state.reference.location;

  const MessageId id = MessageId::Make(work_.shard, shard_->sequences.first++);
  MH_CHECK(message.content.size() <= kContentBytesMax);
  Put(ContentKey(id), message.content);
  Put(PlacementKey(id), EncodePlacement(placement));
  Put(MailboxDateKey(work.tenant, batch.mailbox, message.internal_date, id),
      FolderValue(batch.folder));
  Put(TenantDateKey(work_.shard, work.tenant, message.internal_date, id), std::string());
  Put(ContentHashKey(work.tenant, batch.mailbox, batch.folder, message.sha256, batch.uid_validity,
                     id),
      std::string());
  Put(UidKey(batch.mailbox, batch.folder, batch.uid_validity, message.uid), IdValue(id));
  AddChange(ChangeEntry::Type::kMessageCreated, work.tenant, batch.mailbox, id);

  ++target.counts->stored;
  ++target.mailbox->record.messages;
  target.mailbox->record.bytes += message.size;
  ++target.folder->record.messages;
  target.folder->record.unread += IsUnread(message.flags) ? 1 : 0;
}

Result<std::optional<MessageId>> AtomBuilder::FindEarlier(const BatchWork& work,
                                                          const Target& target,
                                                          const IngestMessage& message) {
  const IngestBatch& batch = *work.batch;
  const std::string prefix =
      ContentHashPrefix(work.tenant, batch.mailbox, target.folder->record.id, message.sha256);
  std::string current = prefix;
  AppendU32(current, batch.uid_validity);
  std::optional<MessageId> found;
  const auto visit = [&](std::string_view key, std::string_view /*value*/) {
    const MessageId id{ReadU64(key, key.size() - sizeof(uint64_t))};
    if (relinked_.contains(id)) {
      return true;  // By this batch, which is not stored yet.
    }
    found = id;
    return false;
  };
  // Before and behind the placements of the present UIDVALIDITY.
  const std::string behind = PrefixEnd(current);
  ScanRequest request{
      .begin = prefix, .end = current, .descending = false, .rows_max = relinked_.size() + 1};
  Result<bool> scanned = store_.records.Scan(request, visit);
  if (scanned.ok() && !found && behind < PrefixEnd(prefix)) {
    request.begin = behind;
    request.end = PrefixEnd(prefix);
    scanned = store_.records.Scan(request, visit);
  }
  if (!scanned.ok()) {
    return AtKey(scanned.status(), prefix);
  }
  return found;
}

Result<bool> AtomBuilder::Relink(const BatchWork& work, const Target& target,
                                 const IngestMessage& message) {
  const IngestBatch& batch = *work.batch;
  MH_ASSIGN_OR_RETURN(const std::optional<MessageId> id, FindEarlier(work, target, message));
  if (!id) {
    return false;
  }
  const std::string key = PlacementKey(*id);
  MH_ASSIGN_OR_RETURN(const std::optional<std::string> row, GetRow(store_.records, key));
  Result<Placement> placement =
      row ? DecodePlacement(*row) : Status(Code::kCorrupt, "a message has no placement");
  if (!placement.ok()) {
    return AtKey(placement.status(), key);
  }
  relinked_.insert(*id);
  Delete(UidKey(batch.mailbox, batch.folder, placement->uid_validity, placement->uid));
  Delete(ContentHashKey(work.tenant, batch.mailbox, batch.folder, message.sha256,
                        placement->uid_validity, *id));
  const bool was_unread = IsUnread(placement->flags);
  SetSourceState(*placement, batch, message);
  Put(key, EncodePlacement(*placement));
  Put(UidKey(batch.mailbox, batch.folder, batch.uid_validity, message.uid), IdValue(*id));
  Put(ContentHashKey(work.tenant, batch.mailbox, batch.folder, message.sha256, batch.uid_validity,
                     *id),
      std::string());
  AddChange(ChangeEntry::Type::kMessageUpdated, work.tenant, batch.mailbox, *id);

  ++target.counts->relinked;
  --target.folder->stale_placements;
  uint64_t& unread = target.folder->record.unread;
  unread = unread + (IsUnread(message.flags) ? 1 : 0) - (was_unread ? 1 : 0);
  return true;
}

void AtomBuilder::AddToLedger(const Target& target, Uid uid) {
  ledgers_.emplace(target.ledger_id, target.ledger);
  const size_t before = target.ledger->pending_bytes();
  target.ledger->Add({.first = uid, .last = uid}, 0);
  ledger_bytes_ += target.ledger->pending_bytes() - before;
}

void AtomBuilder::AddRanges(BatchWork& work, const Target& target) {
  const std::vector<UidRange>& ranges = work.batch->absent.ranges();
  if (!ranges.empty()) {
    ledgers_.emplace(target.ledger_id, target.ledger);
  }
  while (work.next_range < ranges.size() && !full()) {
    UidRange rest = ranges[work.next_range];
    rest.first = std::max(rest.first, work.next_uid);
    const size_t before = target.ledger->pending_bytes();
    const size_t room = kBatchBytesMax - kAtomBytesMax - bytes();
    const Uid last = target.ledger->Add(rest, before + room);
    ledger_bytes_ += target.ledger->pending_bytes() - before;
    if (last == rest.last) {
      ++work.next_range;
      work.next_uid = 0;
    } else {
      work.next_uid = last + 1;
    }
  }
}

void AtomBuilder::AddChange(ChangeEntry::Type type, TenantId tenant, MailboxId mailbox,
                            MessageId message) {
  Put(ChangeKey(work_.shard, tenant, shard_->sequences.second++),
      EncodeChange({.type = type, .mailbox = mailbox, .message = message}));
}

void AtomBuilder::Finish() {
  for (const auto& [id, ledger] : ledgers_) {
    for (Ledger::Change& change : ledger->TakeChanges()) {
      const std::string key = LedgerKey(id.mailbox, id.folder, id.uid_validity, change.start);
      batch_.expectations.push_back({.key = key, .value = std::move(change.before)});
      batch_.Put(key, std::move(change.after));
    }
  }
  for (const auto* body : bodies_) {
    batch_.expectations.push_back({.key = body->first, .value = body->second.stored});
    batch_.Put(body->first, EncodeBlobReference(body->second.reference));
  }
  for (const auto& [mailbox, folders] : touched_) {
    MailboxState& state = shard_->mailboxes.at(mailbox);
    ApplyCheck(store_.PendingCheck(mailbox), state.record);
    batch_.Put(MailboxKey(mailbox), EncodeMailbox(state.record));
    for (const FolderId folder : folders) {
      batch_.Put(FolderKey(mailbox, folder), EncodeFolder(state.folders.at(folder)));
    }
  }
  empty_ = batch_.writes.empty();
  if (!empty_) {
    const std::string key = ShardSequenceKey(work_.shard);
    batch_.expectations.push_back({.key = key, .value = shard_->sequences_stored});
    batch_.Put(key, EncodeSequences(shard_->sequences));
  }
}

Batch AtomBuilder::TakeBatch() { return std::move(batch_); }

void AtomBuilder::Accept() {
  for (const auto& [batch, counts] : counts_) {
    batch->stored += counts.stored;
    batch->duplicates += counts.duplicates;
    batch->relinked += counts.relinked;
    batch->bytes_stored += counts.bytes_stored;
  }
  if (empty_) {
    return;  // Nothing but duplicates.
  }
  shard_->sequences_stored = EncodeSequences(shard_->sequences);
  for (auto* body : bodies_) {
    body->second.stored = EncodeBlobReference(body->second.reference);
    body->second.changed = false;
  }
  for (const auto& [mailbox, folders] : touched_) {
    store_.ForgetCheck(mailbox);
  }
}

void AtomBuilder::Undo() {
  for (size_t i = current_before_ + 1; i < work_.batches.size(); ++i) {
    BatchWork& work = work_.batches[i];
    work.next_message = 0;
    work.next_range = 0;
    work.next_uid = 0;
  }
  work_.batches[current_before_] = work_before_;
  work_.current = current_before_;
  work_.bodies_ready = false;  // Their references are read again.
}

}  // namespace mailhaul::store
