// Keeps the full text indexes up with the mail store, in steps that a thread of low priority takes
// (index_thread.h), or a test.
//
// A file that is new first notes where the change log ends, then walks over all messages of its
// shard and tenant, newest first, while it follows the log from there. Everything it does may be
// done twice, and a message that is no longer stored is left out: so it does not matter which of
// the two meets a message first, nor where a crash cuts in.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "base/result.h"
#include "engine/search/index_set.h"
#include "store/file_system.h"
#include "store/mail_store.h"

namespace mailhaul::search {

// Words of one transaction; the message that reaches it is the last one.
inline constexpr size_t kBatchBytesMax = size_t{4} << 20;
// With less room on the disk than this, indexing waits: mail goes first.
inline constexpr uint64_t kFreeBytesMin = uint64_t{256} << 20;

struct IndexerStats {
  uint64_t messages = 0;       // Put into an index since the start.
  uint64_t bodies_unread = 0;  // Indexed without their bodies, which could not be read.
  uint64_t rebuilds =
      0;  // Files deleted because they were damaged, ahead of the store, or too old.
};

class Indexer final {
 public:
  Indexer(const store::MailStore& store, store::FileSystem& files, const Clock& clock,
          IndexSet& indexes)
      : store_(store), files_(files), clock_(clock), indexes_(indexes) {}

  // A bounded piece of work for one tenant. True: there is more to do at once. kDiskFull, kIo,
  // kBusy...: nothing is lost, try again later. The indexing thread only.
  Result<bool> Step(TenantId tenant);

  // Deletes the file and forgets it. The indexing thread only.
  Status Delete(const IndexId& id);

  // Any thread. The last number of the change log that has been taken in; 0 while that is not
  // known.
  uint64_t ReadTo(TenantId tenant, ShardId shard) const;

  // Any thread. All messages that were stored by then are in the indexes; absent: not all that were
  // there when this process began, or when an index was last built anew.
  std::optional<WallTime> IndexedTo(TenantId tenant) const;
  IndexerStats stats() const;

 private:
  using Changes = std::vector<store::Change>;

  Result<bool> StepOn(TenantId tenant, const std::vector<ShardId>& shards);
  // The log was trimmed beyond what some indexes have taken in: these are built anew.
  Status RebuildOutdated(TenantId tenant, const std::vector<ShardId>& shards,
                         const std::string& why);
  Status Prepare(TenantId tenant, const std::vector<ShardId>& shards);
  Status PrepareIndex(const IndexId& id, const store::ChangePosition& end);
  Status Rebuild(const IndexId& id, const std::string& why);
  Status Follow(TenantId tenant, const store::ChangePage& page);
  Status ApplyChanges(const IndexId& id, const Changes& changes);
  Status ApplyChange(IndexFile& file, const store::Change& change);
  Status Walk(const IndexId& id);
  Status PutMessage(IndexFile& file, const store::StoredMessage& message);
  // Runs `work(file, progress)` in a transaction. A file that is damaged is deleted: then there is
  // no progress_ of it.
  template <typename Work>
  Status Transact(const IndexId& id, const Work& work);
  void SetIndexedTo(TenantId tenant, std::optional<WallTime> time);
  Status CheckRoom();

  const store::MailStore& store_;
  store::FileSystem& files_;
  const Clock& clock_;
  IndexSet& indexes_;
  std::map<IndexId, IndexProgress> progress_;  // Of the files looked at since the start.
  size_t batch_bytes_ = 0;                     // Of words in the open transaction.

  mutable std::mutex mutex_;
  std::map<TenantId, WallTime> indexed_to_;  // Guarded by mutex_.
  std::map<IndexId, uint64_t> read_to_;      // Guarded by mutex_; as in progress_.
  IndexerStats stats_;                       // Guarded by mutex_.
};

}  // namespace mailhaul::search
