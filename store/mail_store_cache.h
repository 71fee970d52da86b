// What the committer knows of shards without reading them again. It is the only writer, so what it
// wrote last is what is stored; after any commit that did not end well the shard is forgotten.
#pragma once

#include <compare>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "store/ledger.h"
#include "store/mailbox_table.h"
#include "store/records.h"

namespace mailhaul::store {

struct LedgerId {
  MailboxId mailbox;
  FolderId folder = 0;
  uint32_t uid_validity = 0;
  friend auto operator<=>(const LedgerId&, const LedgerId&) = default;
};

struct MailboxState {
  MailboxRecord record;
  std::map<FolderId, FolderState> folders;
  bool removed = false;
};

struct ShardState {
  Sequences sequences;
  std::optional<std::string> sequences_stored;  // The stored value; absent: no row yet.
  std::unordered_map<MailboxId, MailboxState> mailboxes;
  std::map<LedgerId, Ledger> ledgers;
};

// Reads of rows, shared by the committer and by readers on any thread.
Result<std::optional<std::string>> GetRow(KeyValueStore& records, const std::string& key);
// The same failure, naming the row.
Status AtKey(const Status& status, const std::string& key);
Result<std::vector<FolderState>> ReadFolders(KeyValueStore& records, MailboxId mailbox);
// Counters and check result into `record`; leaves it alone when the mailbox has no row yet.
Status ReadMailboxRow(KeyValueStore& records, MailboxId mailbox, MailboxRecord& record);
// Visits all rows of `prefix` in order, in bounded scans, until `visit` fails.
Status VisitRows(KeyValueStore& records, const std::string& prefix,
                 const std::function<Status(std::string_view, std::string_view)>& visit);

// The committer's thread only. Pointers stay valid until Drop() of their shard or Trim().
class MailStoreCache final {
 public:
  MailStoreCache(KeyValueStore& records, const MailboxTable& table)
      : records_(records), table_(table) {}

  Result<ShardState*> Shard(ShardId shard);
  Result<MailboxState*> Mailbox(MailboxId mailbox);         // kNotFound, also when it was removed.
  Result<MailboxState*> RemovedMailbox(MailboxId mailbox);  // What is left of it. kNotFound.
  Result<Ledger*> LedgerOf(const LedgerId& id);
  // The rows of these ledgers are about to be deleted.
  Status DropLedgers(MailboxId mailbox, FolderId folder);

  void Drop(ShardId shard) { shards_.erase(shard); }
  // Forgets everything once it has become large. Between calls of Append() only.
  void Trim();

 private:
  Result<MailboxState*> AnyMailbox(MailboxId mailbox);

  KeyValueStore& records_;
  const MailboxTable& table_;
  std::map<ShardId, std::unique_ptr<ShardState>> shards_;
};

}  // namespace mailhaul::store
