// One batch of a shard in the making, with what every change of messages writes: rows, the counters
// of mailboxes and folders, ledger segments, change log entries and the shard's sequence row, whose
// expectation makes batches of one shard follow each other. Private to the store.
//
// What is changed in the cache while a batch is being built holds only if the batch is done: after
// anything else the shard's cached state is dropped, and with it all pointers into it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "store/mail_store_impl.h"

namespace mailhaul::store {

// How often a batch is built anew because an expectation did not hold.
inline constexpr int kConflictRetriesMax = 5;

// All that one message can add to a batch: 48 KiB of content, 24 KiB of keywords and tags, two
// ledger segments that a split rewrites, its folders and mailbox, 14 KiB of rows of tags, those
// that go and those that come, and a kilobyte of other index rows.
inline constexpr size_t kAtomBytesMax = size_t{160} << 10;

// The committer's thread only.
class ShardBatch final {
 public:
  ShardBatch(MailStore::Impl& store, ShardId shard);

  // Reads the shard's state. Before anything else.
  Status Open();

  // Another message may not fit.
  bool full() const { return bytes() + kAtomBytesMax > kBatchBytesMax; }
  // Bytes that are surely left when it is not full().
  size_t room() const { return kBatchBytesMax - kAtomBytesMax - bytes(); }

  void Put(std::string key, std::string value);
  void Delete(std::string key);
  // The row must still be as it was read.
  void Expect(std::string key, std::string value);
  // Writes a row that must still be as it was read, or absent.
  void Replace(std::string key, std::optional<std::string> before, std::string after);
  // Deletes a row that must still be as it was read.
  void Remove(std::string key, std::string before);
  // Counts bytes of a row that is put later.
  void Reserve(size_t bytes) { put_bytes_ += bytes; }

  // The rows of this mailbox and folder are written as they are in the cache at Finish().
  void Touch(MailboxId mailbox, FolderId folder);
  bool touched(MailboxId mailbox, FolderId folder) const;
  void AddToLedger(const LedgerId& id, Ledger& ledger, Uid uid);
  // Returns the last UID that found room; at least the range's first.
  Uid AddToLedger(const LedgerId& id, Ledger& ledger, UidRange range);
  void AddChange(ChangeEntry::Type type, TenantId tenant, MailboxId mailbox, MessageId message);
  MessageId NextMessageId();
  // The number that the next entry of the change log will have.
  uint64_t next_change() const { return shard_->sequences.second; }

  // Marks a message whose rows this batch changes: what is stored of it is no longer true. False
  // when it was marked before.
  bool Mark(MessageId id) { return marked_.insert(id).second; }
  bool marked(MessageId id) const { return marked_.contains(id); }
  size_t marked_count() const { return marked_.size(); }

  // No more changes: completes the batch. Once.
  Batch Finish();
  bool empty() const { return empty_; }  // After Finish(): there is nothing to write.
  // The batch is durable.
  void Accept();

 private:
  size_t bytes() const;

  MailStore::Impl& store_;
  ShardState* shard_ = nullptr;
  Batch batch_;
  bool empty_ = true;
  size_t put_bytes_ = 0;
  size_t ledger_bytes_ = 0;
  size_t touched_folders_ = 0;
  struct Touched {
    std::set<FolderId> folders;
    uint64_t bytes_before = 0;  // Of the mailbox.
  };
  std::map<MailboxId, Touched> touched_;
  std::map<LedgerId, Ledger*> ledgers_;
  std::set<MessageId> marked_;
};

// Builds one batch with `fill` and commits it; after a conflict it is built anew, so `fill` must
// start from the same position each time and look everything up itself. Nothing to write is a
// success.
Status CommitShardBatch(MailStore::Impl& store, ShardId shard,
                        const std::function<Status(ShardBatch&)>& fill);

}  // namespace mailhaul::store
