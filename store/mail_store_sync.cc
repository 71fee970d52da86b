// Following flags and expunges of a folder.
#include <algorithm>
#include <utility>
#include <vector>

#include "store/key_layout.h"
#include "store/placements.h"
#include "store/shard_batch.h"

namespace mailhaul::store {
namespace {

constexpr size_t kScanRows = 1000;
// UIDs that are there and did not vanish, read in a row before the scan jumps to the next that may
// have.
constexpr size_t kOthersMax = 100;

class Syncer final {
 public:
  Syncer(MailStore::Impl& store, const FolderSync& sync) : store_(store), sync_(sync) {}

  Result<SyncCounts> Run() {
    MH_ASSIGN_OR_RETURN(MailboxState * mailbox, store_.cache.Mailbox(sync_.mailbox));
    MH_ASSIGN_OR_RETURN(const FolderState* folder, FindFolder(*mailbox, sync_.folder));
    static_cast<void>(folder);
    while (done_.next_flag < sync_.flags.size()) {
      MH_RETURN_IF_ERROR(CommitPart(&Syncer::TakeFlags));
    }
    while (done_.next_uid <= sync_.vanished.max()) {
      MH_RETURN_IF_ERROR(CommitPart(&Syncer::TakeVanished));
    }
    return done_.counts;
  }

 private:
  struct Progress {
    size_t next_flag = 0;
    uint64_t next_uid = 1;  // Of `vanished`: smaller ones are done.
    SyncCounts counts;
  };
  struct Row {
    Uid uid = 0;
    MessageId id;
  };

  Status CommitPart(Status (Syncer::*take)(ShardBatch&, MailboxState&)) {
    const auto fill = [&](ShardBatch& batch) -> Status {
      progress_ = done_;
      MH_ASSIGN_OR_RETURN(MailboxState * mailbox, store_.cache.Mailbox(sync_.mailbox));
      return (this->*take)(batch, *mailbox);
    };
    MH_RETURN_IF_ERROR(CommitShardBatch(store_, sync_.mailbox.shard(), fill));
    done_ = progress_;
    return Status::Ok();
  }

  Status TakeFlags(ShardBatch& batch, MailboxState& mailbox) {
    for (; progress_.next_flag < sync_.flags.size() && !batch.full(); ++progress_.next_flag) {
      const FlagUpdate& update = sync_.flags[progress_.next_flag];
      if (sync_.vanished.Contains(update.uid)) {
        continue;
      }
      MH_ASSIGN_OR_RETURN(
          const std::optional<MessageId> id,
          FindByUid(store_.records, sync_.mailbox, sync_.folder, sync_.uid_validity, update.uid));
      if (!id) {
        continue;
      }
      if (batch.marked(*id)) {
        return Status::Ok();  // Named twice: the second time it is the next batch's.
      }
      MH_RETURN_IF_ERROR(SetFlags(batch, mailbox, *id, update));
    }
    return Status::Ok();
  }

  Status SetFlags(ShardBatch& batch, MailboxState& mailbox, MessageId id,
                  const FlagUpdate& update) {
    MH_ASSIGN_OR_RETURN(Placement placement, ReadPlacement(store_.records, id));
    if (placement.flags == update.flags && SameKeywords(placement.keywords, update.keywords)) {
      return Status::Ok();
    }
    Placement changed = placement;
    changed.flags = update.flags;
    changed.keywords = update.keywords;
    MH_RETURN_IF_ERROR(
        ReplacePlacement(batch, mailbox, id, std::move(placement), std::move(changed)));
    ++progress_.counts.flags_changed;
    return Status::Ok();
  }

  Status TakeVanished(ShardBatch& batch, MailboxState& mailbox) {
    while (progress_.next_uid <= sync_.vanished.max()) {
      MH_ASSIGN_OR_RETURN(const std::vector<Row> rows, ScanVanished());
      for (const Row& row : rows) {
        if (batch.full()) {
          progress_.next_uid = row.uid;
          return Status::Ok();
        }
        MH_ASSIGN_OR_RETURN(Placement placement, ReadPlacement(store_.records, row.id));
        MH_RETURN_IF_ERROR(MakeGone(batch, mailbox, row.id, std::move(placement)));
        ++progress_.counts.vanished;
      }
    }
    return Status::Ok();
  }

  // The next placements whose UID vanished, in ascending order; moves on behind what it has seen.
  Result<std::vector<Row>> ScanVanished() {
    const std::vector<UidRange>& ranges = sync_.vanished.ranges();
    const auto range = std::lower_bound(
        ranges.begin(), ranges.end(), progress_.next_uid,
        [](const UidRange& stored, uint64_t uid) { return uint64_t{stored.last} < uid; });
    const auto begin = static_cast<Uid>(std::max<uint64_t>(range->first, progress_.next_uid));
    const Uid end = sync_.vanished.max();
    std::vector<Row> rows;
    size_t others = 0;
    Uid seen = begin;
    const auto visit = [&](std::string_view key, std::string_view value) {
      seen = ReadU32(key, key.size() - sizeof(uint32_t));
      if (sync_.vanished.Contains(seen)) {
        others = 0;
        rows.push_back({.uid = seen, .id = IdOfValue(value)});
      } else {
        ++others;
      }
      return others <= kOthersMax;
    };
    const std::string first = UidKey(sync_.mailbox, sync_.folder, sync_.uid_validity, begin);
    const Result<bool> more = store_.records.Scan(
        {.begin = first,
         .end = UidKey(sync_.mailbox, sync_.folder, sync_.uid_validity, end) + '\0',
         .descending = false,
         .rows_max = kScanRows},
        visit);
    if (!more.ok()) {
      return AtKey(more.status(), first);
    }
    progress_.next_uid = uint64_t{*more ? seen : end} + 1;
    return rows;
  }

  MailStore::Impl& store_;
  const FolderSync& sync_;
  Progress done_;      // Durable.
  Progress progress_;  // With the batch being built.
};

}  // namespace

Result<SyncCounts> MailStore::ApplySync(const FolderSync& sync) {
  impl_->cache.Trim();
  return Syncer(*impl_, sync).Run();
}

}  // namespace mailhaul::store
