// Deleting what removed mailboxes and tenants have left, one batch at a time. Every stage finds
// what is left by looking for it, so it does not matter where the process before this one ended.
#include <algorithm>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "store/body_release.h"
#include "store/key_layout.h"
#include "store/outbox_rows.h"
#include "store/placements.h"
#include "store/shard_batch.h"

namespace mailhaul::store {
namespace {

// Looked at for one batch: the committer has others to serve in between.
constexpr size_t kScanRows = 1000;

class RemovalStep final {
 public:
  explicit RemovalStep(MailStore::Impl& store)
      : store_(store), queue_(store.removals), removal_(queue_.waiting.front()) {}

  Status Run() {
    MH_ASSIGN_OR_RETURN(const bool more, removal_.mailbox.value != 0 ? OfMailbox() : OfTenant());
    if (ended_) {
      queue_.waiting.pop_front();
      queue_.pending.store(queue_.waiting.size());
    }
    if (ended_ || !more) {
      queue_.stage = ended_ ? 0 : queue_.stage + 1;
      queue_.next.clear();
    }
    return Status::Ok();
  }

 private:
  struct Row {
    std::string key;
    std::string value;
  };
  // What a batch, which has room for it, does with a row.
  using Take = std::function<Status(ShardBatch&, BodyRelease&, const Row&)>;

  // One batch of the current stage. True: the stage goes on.
  Result<bool> OfMailbox() {
    const MailboxId mailbox = removal_.mailbox;
    switch (queue_.stage) {
      case 0:
        return DeletePlacements(UidPrefix(mailbox),
                                [](const Row& row) { return IdOfValue(row.value); });
      case 1:
        return DeletePlacements(GonePrefix(mailbox),
                                [](const Row& row) { return ReadMessageId(row.key); });
      case 2:
        return DeleteSubmissions();
      default:
        break;
    }
    constexpr size_t kFirstPrefix = 3;
    const std::vector<std::string> prefixes = MailboxPrefixes(removal_.tenant, mailbox);
    const size_t at = queue_.stage - kFirstPrefix;
    return at < prefixes.size() ? DeleteRows(prefixes[at]) : EndMailbox();
  }

  Result<bool> OfTenant() {
    const std::vector<ShardId> shards = store_.table.ShardsOf(removal_.tenant);
    const size_t at = queue_.stage / 2;
    if (at < shards.size()) {
      const bool is_first = queue_.stage % 2 == 0;
      return DeleteTenantRows(shards[at], is_first ? ChangePrefix(shards[at], removal_.tenant)
                                                   : BlobPrefix(shards[at], removal_.tenant));
    }
    return queue_.stage == 2 * shards.size() ? ForgetMailboxes() : EndTenant();
  }

  Result<bool> DeletePlacements(const std::string& prefix,
                                const std::function<MessageId(const Row&)>& id_of) {
    return EachBelow(removal_.mailbox.shard(), prefix,
                     [&](ShardBatch& batch, BodyRelease& release, const Row& row) -> Status {
                       MH_ASSIGN_OR_RETURN(MailboxState * mailbox,
                                           store_.cache.RemovedMailbox(removal_.mailbox));
                       const MessageId id = id_of(row);
                       MH_ASSIGN_OR_RETURN(Placement placement, ReadPlacement(store_.records, id));
                       if (!placement.deleted) {
                         MH_RETURN_IF_ERROR(release.Add(batch, placement));
                       }
                       return ReplacePlacement(batch, *mailbox, id, std::move(placement),
                                               std::nullopt);
                     });
  }

  // They are listed by tenant: those of the shard's other mailboxes are passed over.
  Result<bool> DeleteSubmissions() {
    const ShardId shard = removal_.mailbox.shard();
    return EachBelow(shard, SubmissionDatePrefix(shard, removal_.tenant),
                     [&](ShardBatch& batch, BodyRelease& release, const Row& row) -> Status {
                       if (row.value.size() <= sizeof(uint64_t) ||
                           ReadU64(row.value, 0) != removal_.mailbox.value) {
                         return Status::Ok();
                       }
                       const SubmissionId id{ReadDatePosition(row.key).id.value};
                       const std::string key = SubmissionKey(id);
                       MH_ASSIGN_OR_RETURN(std::optional<std::string> stored,
                                           GetRow(store_.records, key));
                       const Result<Submission> submission =
                           stored ? DecodeSubmission(id, *stored)
                                  : Status(Code::kCorrupt, "a submission is listed but missing");
                       if (!submission.ok()) {
                         return AtKey(submission.status(), key);
                       }
                       MH_RETURN_IF_ERROR(release.Add(batch, shard, submission->sha256));
                       DeleteSubmission(batch, *submission);
                       return Status::Ok();
                     });
  }

  Result<bool> DeleteRows(const std::string& prefix) {
    const bool is_last = prefix == MailboxKey(removal_.mailbox);
    return EachBelow(removal_.mailbox.shard(), prefix,
                     [&](ShardBatch& batch, BodyRelease& /*release*/, const Row& row) {
                       batch.Delete(row.key);
                       if (is_last) {
                         batch.AddChange(ChangeEntry::Type::kMailboxUpdated, removal_.tenant,
                                         removal_.mailbox, {});
                       }
                       return Status::Ok();
                     });
  }

  Result<bool> EndMailbox() {
    Batch batch;
    batch.shard = kControlShard;
    batch.Put(RemovalKey(removal_.tenant, removal_.mailbox),
              EncodeRemoval({.ended = true, .name = removal_.name}));
    MH_RETURN_IF_ERROR(store_.CommitOne(std::move(batch)));
    store_.cache.Drop(removal_.mailbox.shard());
    ended_ = true;
    return false;
  }

  Result<bool> DeleteTenantRows(ShardId shard, const std::string& prefix) {
    return EachBelow(shard, prefix,
                     [](ShardBatch& batch, BodyRelease& /*release*/, const Row& row) {
                       batch.Remove(row.key, row.value);
                       return Status::Ok();
                     });
  }

  Result<bool> ForgetMailboxes() {
    const std::string own = RemovalKey(removal_.tenant, {});
    return EachBelow(kControlShard, RemovalPrefix(removal_.tenant),
                     [&own](ShardBatch& batch, BodyRelease& /*release*/, const Row& row) {
                       if (row.key != own) {
                         batch.Delete(row.key);
                       }
                       return Status::Ok();
                     });
  }

  Result<bool> EndTenant() {
    Batch batch;
    batch.shard = kControlShard;
    batch.Delete(RemovalKey(removal_.tenant, {}));
    MH_RETURN_IF_ERROR(store_.CommitOne(std::move(batch)));
    store_.table.ForgetTenant(removal_.tenant);
    ended_ = true;
    return false;
  }

  // One batch of the rows below `prefix`, from queue_.next on. True: there may be more of them.
  Result<bool> EachBelow(ShardId shard, const std::string& prefix, const Take& take) {
    std::vector<Row> rows;
    const ScanRequest request{.begin = std::max(prefix, queue_.next),
                              .end = PrefixEnd(prefix),
                              .descending = false,
                              .rows_max = kScanRows};
    const Result<bool> more =
        store_.records.Scan(request, [&rows](std::string_view key, std::string_view value) {
          rows.push_back({.key = std::string(key), .value = std::string(value)});
          return true;
        });
    if (!more.ok()) {
      return AtKey(more.status(), request.begin);
    }
    size_t done = 0;
    const auto fill = [&](ShardBatch& batch) -> Status {
      BodyRelease release(store_.records, removal_.tenant, BodyRelease::AtZero::kDelete);
      for (done = 0; done < rows.size() && !batch.full(); ++done) {
        MH_RETURN_IF_ERROR(take(batch, release, rows[done]));
      }
      release.Write(batch);
      return Status::Ok();
    };
    MH_RETURN_IF_ERROR(CommitShardBatch(store_, shard, fill));
    if (done > 0) {
      queue_.next = rows[done - 1].key + '\0';
    }
    return *more || done < rows.size();
  }

  MailStore::Impl& store_;
  RemovalQueue& queue_;
  const Removal removal_;
  bool ended_ = false;
};

}  // namespace

Result<bool> MailStore::ContinueRemovals() {
  impl_->cache.Trim();
  if (!impl_->removals.waiting.empty()) {
    impl_->reclaim.wanted = true;
    MH_RETURN_IF_ERROR(RemovalStep(*impl_).Run());
  }
  return !impl_->removals.waiting.empty();
}

}  // namespace mailhaul::store
