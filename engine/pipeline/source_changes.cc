#include "engine/pipeline/source_changes.h"

#include <algorithm>
#include <utility>

#include "engine/pipeline/await_on.h"
#include "engine/pipeline/message_tags.h"

namespace mailhaul::pipeline {
namespace {

// UIDs whose flags are held at once.
constexpr uint64_t kFlagChunkUids = 20'000;

// Whether as many messages are there as there must be if nothing was removed. A UID that was given
// out brings one message at most, so equality proves it.
bool CountShowsNoneGone(const VisitFolder& folder) {
  const store::FolderRecord& record = folder.record;
  const OpenedFolder& opened = *folder.opened;
  if (record.source_messages == kMessagesUnknown || record.uid_next == 0 ||
      opened.uid_next < record.uid_next) {
    return false;
  }
  return uint64_t{record.source_messages} + (opened.uid_next - record.uid_next) == opened.messages;
}

store::FlagUpdate ToUpdate(FlagState& state) {
  store::FlagUpdate update;
  update.uid = state.uid;
  update.flags = state.flags;
  update.keywords = TagsOf(std::move(state.keywords), state.labels);
  return update;
}

}  // namespace

bool SourceChanges::FlagsDue(const VisitFolder& folder) const {
  return context_.clock.WallNow() - folder.record.flags_checked_at >= kFlagScanEvery;
}

net::Task<Status> SourceChanges::Follow(VisitFolder& folder) {
  store::FolderSync sync;
  sync.mailbox = mailbox_;
  sync.folder = folder.record.id;
  sync.uid_validity = folder.record.uid_validity;
  OpenedFolder& opened = *folder.opened;
  if (opened.resynchronized) {
    for (FlagState& state : opened.changed) {
      sync.flags.push_back(ToUpdate(state));
    }
    opened.changed.clear();
    sync.vanished = std::move(opened.vanished);
  } else {
    CO_RETURN_IF_ERROR(FindChanges(folder, sync));
  }
  CO_RETURN_IF_ERROR(Apply(std::move(sync)));
  folder.Checked();
  co_return Status::Ok();
}

net::Task<Status> SourceChanges::FindChanges(VisitFolder& folder, store::FolderSync& sync) {
  const store::FolderId id = folder.record.id;
  const uint32_t uid_validity = folder.record.uid_validity;
  std::function<Result<UidSet>()> read = [this, id, uid_validity] {
    return context_.store.ReadPlacedUids(mailbox_, id, uid_validity);
  };
  CO_TRY(const UidSet placed, RunOn<Result<UidSet>>(context_.reads, std::move(read)));
  if (placed.empty()) {
    co_return Status::Ok();
  }
  Status flags = co_await ReadFlags(folder, placed, sync);
  if (!flags.ok() && flags.code() != Code::kServerRefused) {
    co_return flags;  // A source without flags refuses: nothing is to be followed.
  }
  if (session_.listing_is_complete() && !CountShowsNoneGone(folder)) {
    CO_RETURN_IF_ERROR(FindVanished(folder, placed, sync));
  }
  co_return Status::Ok();
}

net::Task<Status> SourceChanges::ReadFlags(VisitFolder& folder, const UidSet& placed,
                                           store::FolderSync& sync) {
  const store::FolderRecord& record = folder.record;
  const uint64_t modseq = folder.opened->modseq;
  if (modseq != 0 && modseq == record.modseq) {
    co_return Status::Ok();
  }
  // A modseq that went down is no clock: everything is read again.
  const bool by_modseq = modseq != 0 && record.modseq != 0 && modseq > record.modseq;
  const bool seen_changed =
      !folder.info.status.has_value() || folder.info.status->unseen != record.source_unseen;
  if (modseq == 0 && !seen_changed && !FlagsDue(folder)) {
    co_return Status::Ok();
  }
  UidSet rest = placed;
  while (!rest.empty()) {
    UidSet chunk = rest.Greatest(kFlagChunkUids);
    rest.Remove(chunk);
    CO_RETURN_IF_ERROR(ReadFlagsOf(std::move(chunk), by_modseq ? record.modseq : 0, sync));
    if (!rest.empty()) {
      store::FolderSync part = std::exchange(sync, store::FolderSync());
      sync.mailbox = part.mailbox;
      sync.folder = part.folder;
      sync.uid_validity = part.uid_validity;
      CO_RETURN_IF_ERROR(Apply(std::move(part)));
    }
  }
  if (!by_modseq) {
    folder.record.flags_checked_at = context_.clock.WallNow();
    folder.changed = true;
  }
  co_return Status::Ok();
}

net::Task<Status> SourceChanges::ReadFlagsOf(UidSet uids, uint64_t changed_since,
                                             store::FolderSync& sync) {
  if (changed_since != 0) {
    // One range is a short command, and what is not stored is not changed by it.
    UidSet range;
    range.AddRange({uids.ranges().front().first, uids.max()});
    uids = std::move(range);
  }
  CO_TRY(std::vector<FlagState> states, session_.FetchFlags(uids, changed_since));
  for (FlagState& state : states) {
    sync.flags.push_back(ToUpdate(state));
  }
  co_return Status::Ok();
}

net::Task<Status> SourceChanges::FindVanished(const VisitFolder& folder, const UidSet& placed,
                                              store::FolderSync& sync) {
  if (folder.opened->messages == 0) {
    sync.vanished = placed;
    co_return Status::Ok();
  }
  CO_TRY(const UidSet listed, session_.ListUids(std::nullopt));
  sync.vanished = placed.Minus(listed);
  co_return Status::Ok();
}

net::Task<Status> SourceChanges::Apply(store::FolderSync sync) {
  if (sync.flags.empty() && sync.vanished.empty()) {
    co_return Status::Ok();
  }
  using Counts = Result<store::SyncCounts>;
  std::function<Counts()> apply = [this, moved = std::move(sync)] {
    return context_.store.ApplySync(moved);
  };
  CO_TRY(const store::SyncCounts counts, RunOn<Counts>(context_.committer, std::move(apply)));
  vanished_ += counts.vanished;
  co_return Status::Ok();
}

}  // namespace mailhaul::pipeline
