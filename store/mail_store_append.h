// How MailStore::Append() works: what is left to do per shard, and the batch that is being built.
// Private to the store.
//
// Append() goes in rounds. First the bodies that no blob reference knows yet go to the segments,
// with one sync; then each shard builds one batch of at most kBatchBytesMax, and all are committed
// together, until nothing is left.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "store/placements.h"
#include "store/shard_batch.h"

namespace mailhaul::store {

// A body that messages of one shard and tenant refer to.
struct BodyState {
  std::optional<std::string> stored;  // The blob reference's row; absent: none.
  BlobReference reference;            // With the placements added by the batch being built.
  std::optional<BlobLocation> own;    // Written by this call.
  uint32_t own_compressed = 0;        // As BlobReference::compressed.
  bool checked = false;               // `stored` was read since the last conflict.
  bool placed = false;                // `reference` leads to `own`.
  bool changed = false;               // By the batch being built.
};

// One IngestBatch and how far it got.
struct BatchWork {
  IngestBatch* batch = nullptr;
  TenantId tenant;
  size_t next_message = 0;
  size_t next_range = 0;  // Of batch->absent.
  Uid next_uid = 0;       // Within that range; 0: its start.

  bool messages_done() const { return next_message == batch->messages.size(); }
  bool done() const { return messages_done() && next_range == batch->absent.ranges().size(); }
};

struct ShardWork {
  ShardId shard = 0;
  std::vector<BatchWork> batches;
  size_t current = 0;                                 // Index of the first that is not done.
  std::unordered_map<std::string, BodyState> bodies;  // By key of the blob reference.
  bool bodies_ready = false;
  int conflicts = 0;
  Status failed;

  bool active() const { return failed.ok() && current < batches.size(); }
};

// Whether its bytes came with it; it is listed without them otherwise.
inline bool HasBody(const IngestMessage& message) {
  return !message.quarantined || message.streamed || !message.body.empty() || message.size == 0;
}

// Sees to it that all messages that `work` still has to store have a body in the blob store.
// Sets `written` when it wrote or was given any, which must be synced before they are referred to.
class BodyPlacer final {
 public:
  BodyPlacer(MailStore::Impl& store, ShardWork& work) : store_(store), work_(work) {}
  // A failure of the blob store is in `blob_failure`, one of reading records in the result.
  Status Place(bool& written, Status& blob_failure);

 private:
  Status PlaceOne(const BatchWork& batch, const IngestMessage& message, bool& written,
                  Status& blob_failure);
  Status ReadReference(const std::string& key, BodyState& body);

  MailStore::Impl& store_;
  ShardWork& work_;
};

// Builds the next batch of one shard from its work, and settles it once its outcome is known.
class AtomBuilder final {
 public:
  AtomBuilder(MailStore::Impl& store, ShardWork& work);

  // Takes from the work until the batch is full or the work is done.
  Status Build();
  bool empty() const { return atom_.empty(); }     // Nothing to write: Accept() at once.
  Batch TakeBatch() { return std::move(batch_); }  // Once, before Accept() or Undo().
  // The batch is durable: counts what it held.
  void Accept();
  // It is not: the work stands where it stood before Build().
  void Undo();

 private:
  struct Counts {
    uint32_t stored = 0;
    uint32_t duplicates = 0;
    uint32_t relinked = 0;
    uint32_t completed = 0;
    uint64_t bytes_stored = 0;
  };
  // Everything that one message or range touches, looked up once per IngestBatch.
  struct Target {
    MailboxState* mailbox = nullptr;
    FolderState* folder = nullptr;
    Ledger* ledger = nullptr;
    LedgerId ledger_id;
    Counts* counts = nullptr;
  };
  using Filter = std::function<bool(const Placement&)>;

  bool full() const { return cut_ || atom_.full(); }
  Result<Target> Touch(const BatchWork& work);
  Status TakeFrom(BatchWork& work);
  Status AddMessage(const BatchWork& work, const Target& target, const IngestMessage& message);
  Status AddPlacement(const BatchWork& work, const Target& target, const IngestMessage& message);
  void AddRanges(BatchWork& work, const Target& target);
  // The body's reference with one more placement.
  const BlobReference& AddReference(const BatchWork& work, const Target& target,
                                    const IngestMessage& message);
  BodyState& ChangeBody(const BatchWork& work, const Sha256& sha256);

  // mail_store_takeover.cc: the placement that a message takes over, if there is one.
  Result<std::optional<MessageId>> FindTakenOver(const BatchWork& work, const Target& target,
                                                 const IngestMessage& message);
  Result<std::optional<MessageId>> FindEarlier(const BatchWork& work, const IngestMessage& message);
  Result<std::optional<MessageId>> FindUnlisted(const BatchWork& work,
                                                const IngestMessage& message);
  Result<std::optional<MessageId>> FindGone(const BatchWork& work, const IngestMessage& message);
  Result<std::optional<MessageId>> FindDeleted(const BatchWork& work, const IngestMessage& message);
  Result<std::optional<MessageId>> FirstTwin(const std::string& begin, const std::string& end,
                                             const Filter& filter);
  Result<std::optional<MessageId>> FindAwaited(const BatchWork& work, const Target& target,
                                               const IngestMessage& message);
  // One placement less of this body.
  Status ReleaseBody(const BatchWork& work, const Sha256& sha256);
  Status TakeOver(const BatchWork& work, const Target& target, const IngestMessage& message,
                  MessageId id);

  // mail_store_complete.cc: gives a placement its body. False: there is none that lacks one.
  Result<bool> Complete(const BatchWork& work, const Target& target, const IngestMessage& message);

  MailStore::Impl& store_;
  ShardWork& work_;
  ShardBatch atom_;
  Batch batch_;
  bool cut_ = false;  // The rest goes into a batch of its own, though there is room.
  std::map<IngestBatch*, Counts> counts_;
  std::vector<std::unordered_map<std::string, BodyState>::value_type*> bodies_;
  size_t current_before_;
  BatchWork work_before_;
};

}  // namespace mailhaul::store
