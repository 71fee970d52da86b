// The parts of MailStore, shared by its .cc files. Private to the store.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "store/key_layout.h"
#include "store/mail_store.h"
#include "store/mail_store_cache.h"
#include "store/mailbox_table.h"
#include "store/reclaim.h"
#include "store/removal.h"
#include "store/tenant_bytes.h"

namespace mailhaul::store {

struct MailStore::Impl {
  Impl(KeyValueStore& record_store, BlobStore& blob_store, const Clock& time)
      : records(record_store),
        blobs(blob_store),
        clock(time),
        bytes(record_store, table),
        cache(record_store, table) {}

  Status LoadTables();
  Status LoadRemovals();
  // Commits `batch` to the control shard together with the numbers given out.
  Status CommitAssignments(Batch batch, const Sequences& sequences);

  // Of one tenant: what makes them removed, in as few commits as fit.
  Status RemoveMailboxes(TenantId tenant, std::span<const MailboxId> mailboxes);
  void AddRemoval(Removal removal);

  // Commits; a batch that found the store busy is tried again a few times. Shards whose batch was
  // not done are dropped from the cache. After a disk error every later call fails.
  void Commit(std::span<const Batch> batches, std::span<Outcome> outcomes);
  Status CommitOne(Batch batch);
  void TellOfChanges(const Batch& batch) const;
  // Writes the rows of these folders and takes them over into `state`.
  Status CommitFolders(MailboxId mailbox, MailboxState& state, std::vector<FolderState> folders);

  // Committer's thread: writes the mailbox rows whose check result is only in memory.
  Status FlushChecks();
  bool ChecksAreDue() const;
  // The check result of a mailbox that is not in its row yet.
  std::optional<MailboxRecord> PendingCheck(MailboxId mailbox) const;
  // The mailbox's row is stored with this check result: forget it unless a newer one came.
  void ForgetCheck(MailboxId mailbox);

  // A body in this segment, which nobody referred to so far, is about to be. kConflict: the segment
  // was reclaimed in the meantime; the body has to be brought again.
  Status UseSegment(uint32_t segment);
  // Where a body is now. kNotFound: nobody refers to it any more.
  Result<BlobLocation> FindBody(ShardId shard, TenantId tenant, const Sha256& sha256) const;
  // Opens the message's body with one of the two of checked_body.h.
  Result<std::unique_ptr<ByteSource>> OpenBody(
      const StoredMessage& message,
      Result<std::unique_ptr<ByteSource>> (*open)(const BlobStore&, const BlobLocation&,
                                                  const Sha256&)) const;
  // kNotFound also when it was deleted here, or its mailbox removed.
  Result<StoredMessage> ReadMessage(MessageId id, bool with_version) const;

  KeyValueStore& records;
  BlobStore& blobs;
  const Clock& clock;
  MailboxTable table;
  TenantBytes bytes;
  bool indexed = true;  // By thread, tag and folder. Constant once open.

  std::function<void(TenantId)> on_changes;  // Constant once writing has begun.

  // The committer's thread only.
  MailStoreCache cache;
  RemovalQueue removals;
  ReclaimState reclaim;
  Status failed;  // A disk error: nothing is acknowledged until the store is opened again.

  mutable std::mutex checks_mutex;
  std::map<MailboxId, MailboxRecord> checks;  // Guarded by checks_mutex; counters unused.
  TimePoint checks_since{};                   // Guarded by checks_mutex; of the oldest.

  std::atomic<uint64_t> commits{0};
  std::atomic<uint64_t> record_bytes{0};
};

// The check result, if there is one, into `record`; its counters stay.
void ApplyCheck(const std::optional<MailboxRecord>& check, MailboxRecord& record);

// What an outcome means to whoever asked for the commit.
Status StatusOf(const Outcome& outcome);

}  // namespace mailhaul::store
