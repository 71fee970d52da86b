// Messages that the source no longer has: whole folders of them, and their removal.
#include <utility>
#include <vector>

#include "store/body_release.h"
#include "store/key_layout.h"
#include "store/placements.h"
#include "store/shard_batch.h"

namespace mailhaul::store {
namespace {

constexpr size_t kScanRows = 1000;

// Makes the placements of a folder gone, but for those of one UIDVALIDITY.
class FolderMarker final {
 public:
  FolderMarker(MailStore::Impl& store, MailboxId mailbox, FolderId folder,
               std::optional<uint32_t> kept_validity)
      : store_(store),
        mailbox_(mailbox),
        folder_(folder),
        kept_validity_(kept_validity),
        end_(PrefixEnd(UidPrefix(mailbox, folder))) {}

  Result<uint64_t> Run() {
    Progress done{.next = UidPrefix(mailbox_, folder_), .count = 0};
    while (done.next < end_) {
      Progress progress;
      const auto fill = [&](ShardBatch& batch) {
        progress = done;
        return Take(batch, progress);
      };
      MH_RETURN_IF_ERROR(CommitShardBatch(store_, mailbox_.shard(), fill));
      done = std::move(progress);
    }
    return done.count;
  }

 private:
  struct Progress {
    std::string next;  // The uid row to go on at.
    uint64_t count = 0;
  };
  struct Row {
    std::string key;
    MessageId id;
  };

  Status Take(ShardBatch& batch, Progress& progress) {
    MH_ASSIGN_OR_RETURN(MailboxState * mailbox, store_.cache.Mailbox(mailbox_));
    MH_ASSIGN_OR_RETURN(FolderState * folder, FindFolder(*mailbox, folder_));
    if (!kept_validity_ && folder->record.listed) {
      folder->record.listed = false;
      batch.Touch(mailbox_, folder_);
    }
    while (progress.next < end_) {
      MH_ASSIGN_OR_RETURN(std::vector<Row> rows, Scan(progress));
      for (Row& row : rows) {
        if (batch.full()) {
          progress.next = std::move(row.key);
          return Status::Ok();
        }
        MH_ASSIGN_OR_RETURN(Placement placement, ReadPlacement(store_.records, row.id));
        MH_RETURN_IF_ERROR(MakeGone(batch, *mailbox, row.id, std::move(placement)));
        ++progress.count;
      }
    }
    if (folder->stale_placements > 0 &&
        (!kept_validity_ || folder->placements_validity == *kept_validity_)) {
      folder->stale_placements = 0;  // It was an upper bound.
      batch.Touch(mailbox_, folder_);
    }
    return kept_validity_ ? Status::Ok() : Forget(batch, *folder);
  }

  // Nothing is known of the folder should it come back. With the last of its messages, so that
  // uid_validity shows what a process that died has left undone.
  Status Forget(ShardBatch& batch, FolderState& folder) {
    const std::string prefix = LedgerPrefix(mailbox_, folder_);
    bool known = folder.record.uid_validity != 0;
    const auto remove = [&batch, &known](std::string_view key, std::string_view /*value*/) {
      batch.Delete(std::string(key));
      known = true;
      return Status::Ok();
    };
    MH_RETURN_IF_ERROR(VisitRows(store_.records, prefix, remove));
    if (!known) {
      return Status::Ok();
    }
    MH_RETURN_IF_ERROR(store_.cache.DropLedgers(mailbox_, folder_));
    folder.record = FolderRecord{.id = folder.record.id,
                                 .name = std::move(folder.record.name),
                                 .role = std::move(folder.record.role),
                                 .messages = folder.record.messages,
                                 .unread = folder.record.unread,
                                 .placed = folder.record.placed,
                                 .gone = folder.record.gone,
                                 .listed = false};
    batch.Touch(mailbox_, folder_);
    return Status::Ok();
  }

  // The next placements, moving on behind them.
  Result<std::vector<Row>> Scan(Progress& progress) {
    std::string kept;
    if (kept_validity_) {
      kept = UidPrefix(mailbox_, folder_, *kept_validity_);
      if (progress.next.starts_with(kept)) {
        progress.next = PrefixEnd(kept);
      }
    }
    std::vector<Row> rows;
    const auto visit = [&](std::string_view key, std::string_view value) {
      if (!kept.empty() && key.starts_with(kept)) {
        return false;
      }
      rows.push_back({.key = std::string(key), .id = IdOfValue(value)});
      return true;
    };
    if (progress.next >= end_) {
      return rows;
    }
    const Result<bool> more = store_.records.Scan(
        {.begin = progress.next, .end = end_, .descending = false, .rows_max = kScanRows}, visit);
    if (!more.ok()) {
      return AtKey(more.status(), progress.next);
    }
    if (!*more) {
      progress.next = end_;
    } else if (rows.size() == kScanRows) {
      progress.next = rows.back().key + '\0';
    } else {
      progress.next = PrefixEnd(kept);
    }
    return rows;
  }

  MailStore::Impl& store_;
  const MailboxId mailbox_;
  const FolderId folder_;
  const std::optional<uint32_t> kept_validity_;
  const std::string end_;
};

// Deletes gone placements, but for those whose gone row has a value.
class Remover final {
 public:
  Remover(MailStore::Impl& store, MailboxId mailbox)
      : store_(store), mailbox_(mailbox), end_(PrefixEnd(GonePrefix(mailbox))) {}

  Result<uint64_t> Run(size_t messages_max) {
    MH_RETURN_IF_ERROR(store_.failed);
    MH_ASSIGN_OR_RETURN(const MailboxState* mailbox, store_.cache.Mailbox(mailbox_));
    const auto has_gone = [](const auto& folder) { return folder.second.record.gone > 0; };
    if (std::none_of(mailbox->folders.begin(), mailbox->folders.end(), has_gone)) {
      return uint64_t{0};  // What was deleted here is not looked through again and again.
    }
    Progress done{.next = GonePrefix(mailbox_), .count = 0};
    while (done.next < end_ && done.count < messages_max) {
      Progress progress;
      const auto fill = [&](ShardBatch& batch) {
        progress = done;
        return Take(batch, messages_max, progress);
      };
      MH_RETURN_IF_ERROR(CommitShardBatch(store_, mailbox_.shard(), fill));
      done = std::move(progress);
    }
    return done.count;
  }

 private:
  struct Progress {
    std::string next;  // The gone row to go on at.
    uint64_t count = 0;
  };
  struct Row {
    std::string key;
    bool kept = false;
  };

  Status Take(ShardBatch& batch, size_t messages_max, Progress& progress) {
    MH_ASSIGN_OR_RETURN(MailboxState * mailbox, store_.cache.Mailbox(mailbox_));
    MH_ASSIGN_OR_RETURN(std::vector<Row> rows, Scan(progress));
    BodyRelease release(store_.records, mailbox->record.tenant);
    for (Row& row : rows) {
      if (row.kept) {
        continue;
      }
      if (batch.full() || progress.count == messages_max) {
        progress.next = std::move(row.key);
        break;
      }
      const MessageId id = ReadMessageId(row.key);
      MH_ASSIGN_OR_RETURN(Placement placement, ReadPlacement(store_.records, id));
      MH_RETURN_IF_ERROR(release.Add(batch, placement));
      MH_RETURN_IF_ERROR(ReplacePlacement(batch, *mailbox, id, std::move(placement), std::nullopt));
      ++progress.count;
    }
    release.Write(batch);
    return Status::Ok();
  }

  // The next gone placements, moving on behind them.
  Result<std::vector<Row>> Scan(Progress& progress) {
    std::vector<Row> rows;
    const auto visit = [&](std::string_view key, std::string_view value) {
      rows.push_back({.key = std::string(key), .kept = !value.empty()});
      return true;
    };
    const Result<bool> more = store_.records.Scan(
        {.begin = progress.next, .end = end_, .descending = false, .rows_max = kScanRows}, visit);
    if (!more.ok()) {
      return AtKey(more.status(), progress.next);
    }
    progress.next = *more ? rows.back().key + '\0' : end_;
    return rows;
  }

  MailStore::Impl& store_;
  const MailboxId mailbox_;
  const std::string end_;
};

}  // namespace

Result<uint64_t> MailStore::MarkFolderGone(MailboxId mailbox, FolderId folder) {
  impl_->cache.Trim();
  return FolderMarker(*impl_, mailbox, folder, std::nullopt).Run();
}

Result<uint64_t> MailStore::MarkStaleGone(MailboxId mailbox, FolderId folder,
                                          uint32_t uid_validity) {
  impl_->cache.Trim();
  return FolderMarker(*impl_, mailbox, folder, uid_validity).Run();
}

Result<uint64_t> MailStore::RemoveGone(MailboxId mailbox, size_t messages_max) {
  impl_->cache.Trim();
  impl_->reclaim.wanted = true;
  return Remover(*impl_, mailbox).Run(messages_max);
}

}  // namespace mailhaul::store
