#include "store/mail_store_append.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "base/check.h"
#include "store/mail_store.h"

namespace mailhaul::store {
namespace {

class Appender final {
 public:
  explicit Appender(MailStore::Impl& store) : store_(store) {}

  void Run(std::span<IngestBatch* const> batches) {
    for (IngestBatch* batch : batches) {
      Accept(batch);
    }
    while (AnyActive()) {
      PlaceBodies();
      CommitRound();
    }
    for (const auto& [shard, work] : shards_) {
      Report(work);
    }
  }

 private:
  static void Reset(IngestBatch& batch) {
    batch.status = Status::Ok();
    batch.stored = 0;
    batch.duplicates = 0;
    batch.relinked = 0;
    batch.completed = 0;
    batch.bytes_stored = 0;
  }

  void Accept(IngestBatch* batch) {
    Reset(*batch);
    if (!store_.failed.ok()) {
      batch->status = store_.failed;
      return;
    }
    const auto has_no_uid = [](const IngestMessage& message) { return message.uid == 0; };
    if (std::any_of(batch->messages.begin(), batch->messages.end(), has_no_uid)) {
      batch->status = Status(Code::kInvalidArgument, "a message without a UID");
      return;
    }
    const Result<MailboxState*> mailbox = store_.cache.Mailbox(batch->mailbox);
    if (!mailbox.ok()) {
      batch->status = mailbox.status();
      return;
    }
    if (!(*mailbox)->folders.contains(batch->folder)) {
      batch->status = Status(Code::kNotFound, "no folder " + std::to_string(batch->folder) +
                                                  " in mailbox " + FormatId(batch->mailbox.value));
      return;
    }
    BatchWork work;
    work.batch = batch;
    work.tenant = (*mailbox)->record.tenant;
    ShardWork& shard = shards_[batch->mailbox.shard()];
    shard.shard = batch->mailbox.shard();
    shard.batches.push_back(work);
  }

  bool AnyActive() const {
    return std::any_of(shards_.begin(), shards_.end(),
                       [](const auto& shard) { return shard.second.active(); });
  }

  void Fail(ShardWork& work, const Status& status) {
    work.failed = status;
    store_.cache.Drop(work.shard);
  }

  void FailAll(const Status& status) {
    for (auto& [id, work] : shards_) {
      if (work.active()) {
        Fail(work, status);
      }
    }
    if (status.code() == Code::kIo) {
      store_.failed = status;
    }
  }

  void PlaceBodies() {
    bool written = false;
    Status blob_failure;
    for (auto& [id, work] : shards_) {
      if (!work.active() || work.bodies_ready) {
        continue;
      }
      const Status status = BodyPlacer(store_, work).Place(written, blob_failure);
      if (!status.ok()) {
        Fail(work, status);
      }
      if (!blob_failure.ok()) {
        break;
      }
    }
    if (written || !blob_failure.ok()) {
      // Also after a failure: it lets the blob store begin anew.
      const Status synced = store_.blobs.Sync();
      blob_failure = blob_failure.ok() ? synced : blob_failure;
    }
    if (!blob_failure.ok()) {
      FailAll(blob_failure);
    }
  }

  void CommitRound() {
    std::vector<std::unique_ptr<AtomBuilder>> builders;
    std::vector<ShardWork*> works;
    std::vector<Batch> batches;
    for (auto& [id, work] : shards_) {
      if (!work.active()) {
        continue;
      }
      auto builder = std::make_unique<AtomBuilder>(store_, work);
      const Status status = builder->Build();
      if (!status.ok()) {
        builder->Undo();
        Fail(work, status);
        continue;
      }
      if (builder->empty()) {
        builder->Accept();
        continue;
      }
      batches.push_back(builder->TakeBatch());
      builders.push_back(std::move(builder));
      works.push_back(&work);
    }
    if (batches.empty()) {
      return;
    }
    std::vector<Outcome> outcomes(batches.size());
    store_.Commit(batches, outcomes);
    for (size_t i = 0; i < batches.size(); ++i) {
      Settle(*works[i], *builders[i], outcomes[i]);
    }
  }

  void Settle(ShardWork& work, AtomBuilder& builder, const Outcome& outcome) {
    if (outcome.kind == Outcome::Kind::kDone) {
      builder.Accept();
      return;
    }
    builder.Undo();
    if (outcome.kind == Outcome::Kind::kConflict && ++work.conflicts <= kConflictRetriesMax) {
      return;
    }
    work.failed = StatusOf(outcome);
  }

  // Batches behind the first unfinished one failed with it.
  static void Report(const ShardWork& work) {
    for (size_t i = work.current; i < work.batches.size(); ++i) {
      work.batches[i].batch->status = work.failed;
    }
  }

  MailStore::Impl& store_;
  std::map<ShardId, ShardWork> shards_;
};

}  // namespace

void MailStore::Append(std::span<IngestBatch* const> batches) {
  impl_->cache.Trim();
  Appender(*impl_).Run(batches);
  if (impl_->ChecksAreDue()) {
    // The check results stay in memory and are tried again.
    static_cast<void>(impl_->FlushChecks());
  }
}

}  // namespace mailhaul::store
