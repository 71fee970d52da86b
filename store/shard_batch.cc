#include "store/shard_batch.h"

#include <utility>
#include <vector>

#include "store/key_layout.h"

namespace mailhaul::store {
namespace {

constexpr size_t kMailboxRowBytes = 2048;
constexpr size_t kFolderRowBytes = 2048;
constexpr size_t kSequenceRowBytes = 64;

}  // namespace

ShardBatch::ShardBatch(MailStore::Impl& store, ShardId shard) : store_(store) {
  batch_.shard = shard;
}

Status ShardBatch::Open() {
  MH_RETURN_IF_ERROR(store_.bytes.Settle());
  MH_ASSIGN_OR_RETURN(shard_, store_.cache.Shard(batch_.shard));
  return Status::Ok();
}

size_t ShardBatch::bytes() const {
  return put_bytes_ + ledger_bytes_ + touched_.size() * kMailboxRowBytes +
         touched_folders_ * kFolderRowBytes + kSequenceRowBytes;
}

void ShardBatch::Put(std::string key, std::string value) {
  put_bytes_ += key.size() + value.size();
  batch_.Put(std::move(key), std::move(value));
}

void ShardBatch::Delete(std::string key) {
  put_bytes_ += key.size();
  batch_.Delete(std::move(key));
}

void ShardBatch::Expect(std::string key, std::string value) {
  batch_.expectations.push_back({.key = std::move(key), .value = std::move(value)});
}

void ShardBatch::Replace(std::string key, std::optional<std::string> before, std::string after) {
  batch_.expectations.push_back({.key = key, .value = std::move(before)});
  batch_.Put(std::move(key), std::move(after));
}

void ShardBatch::Remove(std::string key, std::string before) {
  batch_.expectations.push_back({.key = key, .value = std::move(before)});
  Delete(std::move(key));
}

void ShardBatch::Touch(MailboxId mailbox, FolderId folder) {
  const auto [touched, first] = touched_.try_emplace(mailbox);
  if (first) {
    touched->second.bytes_before = shard_->mailboxes.at(mailbox).record.bytes;
  }
  touched_folders_ += touched->second.folders.insert(folder).second ? 1 : 0;
}

bool ShardBatch::touched(MailboxId mailbox, FolderId folder) const {
  const auto found = touched_.find(mailbox);
  return found != touched_.end() && found->second.folders.contains(folder);
}

void ShardBatch::AddToLedger(const LedgerId& id, Ledger& ledger, Uid uid) {
  ledgers_.emplace(id, &ledger);
  const size_t before = ledger.pending_bytes();
  ledger.Add({.first = uid, .last = uid}, 0);
  ledger_bytes_ += ledger.pending_bytes() - before;
}

Uid ShardBatch::AddToLedger(const LedgerId& id, Ledger& ledger, UidRange range) {
  ledgers_.emplace(id, &ledger);
  const size_t before = ledger.pending_bytes();
  const Uid last = ledger.Add(range, before + room());
  ledger_bytes_ += ledger.pending_bytes() - before;
  return last;
}

void ShardBatch::AddChange(ChangeEntry::Type type, TenantId tenant, MailboxId mailbox,
                           MessageId message) {
  Put(ChangeKey(batch_.shard, tenant, shard_->sequences.second++),
      EncodeChange({.type = type, .mailbox = mailbox, .message = message}));
}

MessageId ShardBatch::NextMessageId() {
  return MessageId::Make(batch_.shard, shard_->sequences.first++);
}

Batch ShardBatch::Finish() {
  for (const auto& [id, ledger] : ledgers_) {
    for (Ledger::Change& change : ledger->TakeChanges()) {
      Replace(LedgerKey(id.mailbox, id.folder, id.uid_validity, change.start),
              std::move(change.before), std::move(change.after));
    }
  }
  for (const auto& [mailbox, touched] : touched_) {
    MailboxState& state = shard_->mailboxes.at(mailbox);
    ApplyCheck(store_.PendingCheck(mailbox), state.record);
    batch_.Put(MailboxKey(mailbox), EncodeMailbox(state.record));
    for (const FolderId folder : touched.folders) {
      batch_.Put(FolderKey(mailbox, folder), EncodeFolder(state.folders.at(folder)));
    }
  }
  empty_ = batch_.writes.empty();
  if (!empty_) {
    Replace(ShardSequenceKey(batch_.shard), shard_->sequences_stored,
            EncodeSequences(shard_->sequences));
  }
  return std::move(batch_);
}

void ShardBatch::Accept() {
  shard_->sequences_stored = EncodeSequences(shard_->sequences);
  for (const auto& [mailbox, touched] : touched_) {
    const MailboxRecord& record = shard_->mailboxes.at(mailbox).record;
    store_.bytes.Add(record.tenant, batch_.shard, record.bytes - touched.bytes_before);
    store_.ForgetCheck(mailbox);
  }
}

Status CommitShardBatch(MailStore::Impl& store, ShardId shard,
                        const std::function<Status(ShardBatch&)>& fill) {
  MH_RETURN_IF_ERROR(store.failed);
  for (int conflicts = 0;; ++conflicts) {
    ShardBatch atom(store, shard);
    Status status = atom.Open();
    status = status.ok() ? fill(atom) : status;
    if (!status.ok()) {
      store.cache.Drop(shard);  // It may hold what was not written.
      return status;
    }
    const Batch batch = atom.Finish();
    if (atom.empty()) {
      return Status::Ok();
    }
    Outcome outcome;
    store.Commit({&batch, 1}, {&outcome, 1});
    if (outcome.kind == Outcome::Kind::kDone) {
      atom.Accept();
      return Status::Ok();
    }
    if (outcome.kind != Outcome::Kind::kConflict || conflicts == kConflictRetriesMax) {
      return StatusOf(outcome);
    }
  }
}

}  // namespace mailhaul::store
