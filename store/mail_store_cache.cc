#include "store/mail_store_cache.h"

#include <utility>

#include "base/text.h"
#include "store/key_layout.h"

namespace mailhaul::store {
namespace {

constexpr size_t kScanRows = 1000;
constexpr size_t kCachedMailboxesMax = 8192;
constexpr size_t kCachedRangesMax = size_t{1} << 20;  // 8 MiB.

}  // namespace

Status AtKey(const Status& status, const std::string& key) {
  return status.WithContext("record " + HexEncode(key));
}

Result<std::optional<std::string>> GetRow(KeyValueStore& records, const std::string& key) {
  Result<std::optional<std::string>> value = records.Get(key);
  if (!value.ok()) {
    return AtKey(value.status(), key);
  }
  return value;
}

Status VisitRows(KeyValueStore& records, const std::string& prefix,
                 const std::function<Status(std::string_view, std::string_view)>& visit) {
  ScanRequest request{
      .begin = prefix, .end = PrefixEnd(prefix), .descending = false, .rows_max = kScanRows};
  for (;;) {
    Status status;
    std::string last;
    const auto visit_row = [&](std::string_view key, std::string_view value) {
      last.assign(key);
      status = visit(key, value);
      return status.ok();
    };
    MH_ASSIGN_OR_RETURN(const bool more, records.Scan(request, visit_row));
    if (!status.ok()) {
      return AtKey(status, last);
    }
    if (!more) {
      return Status::Ok();
    }
    request.begin = last + '\0';
  }
}

Result<std::vector<FolderState>> ReadFolders(KeyValueStore& records, MailboxId mailbox) {
  std::vector<FolderState> folders;
  const std::string prefix = FolderPrefix(mailbox);
  const auto add = [&](std::string_view key, std::string_view value) -> Status {
    MH_ASSIGN_OR_RETURN(FolderState folder, DecodeFolder(ReadU32(key, prefix.size()), value));
    folders.push_back(std::move(folder));
    return Status::Ok();
  };
  MH_RETURN_IF_ERROR(VisitRows(records, prefix, add));
  return folders;
}

Status ReadMailboxRow(KeyValueStore& records, MailboxId mailbox, MailboxRecord& record) {
  const std::string key = MailboxKey(mailbox);
  MH_ASSIGN_OR_RETURN(const std::optional<std::string> row, GetRow(records, key));
  if (!row) {
    return Status::Ok();
  }
  const Status status = DecodeMailbox(*row, record);
  return status.ok() ? status : AtKey(status, key);
}

Result<ShardState*> MailStoreCache::Shard(ShardId shard) {
  const auto found = shards_.find(shard);
  if (found != shards_.end()) {
    return found->second.get();
  }
  auto state = std::make_unique<ShardState>();
  const std::string key = ShardSequenceKey(shard);
  MH_ASSIGN_OR_RETURN(state->sequences_stored, GetRow(records_, key));
  if (state->sequences_stored) {
    Result<Sequences> sequences = DecodeSequences(*state->sequences_stored);
    if (!sequences.ok()) {
      return AtKey(sequences.status(), key);
    }
    state->sequences = *sequences;
  }
  return shards_.emplace(shard, std::move(state)).first->second.get();
}

Result<MailboxState*> MailStoreCache::Mailbox(MailboxId mailbox) {
  MH_ASSIGN_OR_RETURN(MailboxState * state, AnyMailbox(mailbox));
  if (state->removed) {
    return Status(Code::kNotFound, "mailbox " + FormatId(mailbox.value) + " was removed");
  }
  return state;
}

Result<MailboxState*> MailStoreCache::RemovedMailbox(MailboxId mailbox) {
  MH_ASSIGN_OR_RETURN(MailboxState * state, AnyMailbox(mailbox));
  if (!state->removed) {
    return Status(Code::kNotFound, "mailbox " + FormatId(mailbox.value) + " was not removed");
  }
  return state;
}

Result<MailboxState*> MailStoreCache::AnyMailbox(MailboxId mailbox) {
  MH_ASSIGN_OR_RETURN(ShardState * shard, Shard(mailbox.shard()));
  const auto found = shard->mailboxes.find(mailbox);
  if (found != shard->mailboxes.end()) {
    return &found->second;
  }
  std::optional<MailboxTable::Entry> entry = table_.Find(mailbox);
  if (!entry) {
    return Status(Code::kNotFound, "no mailbox " + FormatId(mailbox.value));
  }
  MailboxState state;
  state.record.id = mailbox;
  state.record.tenant = entry->tenant;
  state.removed = entry->removed;
  MH_RETURN_IF_ERROR(ReadMailboxRow(records_, mailbox, state.record));
  MH_ASSIGN_OR_RETURN(std::vector<FolderState> folders, ReadFolders(records_, mailbox));
  for (FolderState& folder : folders) {
    const FolderId id = folder.record.id;
    state.folders.emplace(id, std::move(folder));
  }
  return &shard->mailboxes.emplace(mailbox, std::move(state)).first->second;
}

Result<Ledger*> MailStoreCache::LedgerOf(const LedgerId& id) {
  MH_ASSIGN_OR_RETURN(ShardState * shard, Shard(id.mailbox.shard()));
  const auto found = shard->ledgers.find(id);
  if (found != shard->ledgers.end()) {
    return &found->second;
  }
  Ledger ledger;
  const std::string prefix = LedgerPrefix(id.mailbox, id.folder, id.uid_validity);
  const auto load = [&](std::string_view key, std::string_view value) {
    return ledger.Load(ReadU32(key, prefix.size()), value);
  };
  MH_RETURN_IF_ERROR(VisitRows(records_, prefix, load));
  return &shard->ledgers.emplace(id, std::move(ledger)).first->second;
}

Status MailStoreCache::DropLedgers(MailboxId mailbox, FolderId folder) {
  MH_ASSIGN_OR_RETURN(ShardState * shard, Shard(mailbox.shard()));
  std::erase_if(shard->ledgers, [mailbox, folder](const auto& entry) {
    return entry.first.mailbox == mailbox && entry.first.folder == folder;
  });
  return Status::Ok();
}

void MailStoreCache::Trim() {
  size_t mailboxes = 0;
  size_t ranges = 0;
  for (const auto& [id, shard] : shards_) {
    mailboxes += shard->mailboxes.size();
    for (const auto& [ledger_id, ledger] : shard->ledgers) {
      ranges += ledger.ranges() + 1;
    }
  }
  if (mailboxes > kCachedMailboxesMax || ranges > kCachedRangesMax) {
    shards_.clear();
  }
}

}  // namespace mailhaul::store
