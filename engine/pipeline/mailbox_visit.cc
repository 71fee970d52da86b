#include "engine/pipeline/mailbox_visit.h"

#include <algorithm>
#include <map>
#include <utility>

#include "base/text.h"
#include "engine/pipeline/await_on.h"

namespace mailhaul::pipeline {
namespace {

// UIDs whose metadata is held at once.
constexpr uint64_t kChunkUids = 1000;
// A server that claims more new UIDs than this in one check is asked to list them instead.
constexpr uint64_t kNewRangeMax = 10'000;

// The folder cannot be had, but the session and the other folders can.
bool ConcernsFolderOnly(const Status& status) {
  return status.code() == Code::kServerRefused || status.code() == Code::kNotFound;
}

UidSet UidsOf(const std::vector<MessageMeta>& metas) {
  UidSet uids;
  for (const MessageMeta& meta : metas) {
    uids.Add(meta.uid);
  }
  return uids;
}

}  // namespace

std::optional<double> MailboxVisit::Coverage::Value() const {
  if (listed == 0) {
    return 1.0;
  }
  return static_cast<double>(listed - std::min(listed, missing)) / static_cast<double>(listed);
}

MailboxVisit::MailboxVisit(Context& context, SourceSession& session, VisitOptions options)
    : context_(context), session_(session), options_(std::move(options)) {}

bool MailboxVisit::Excluded(const FolderInfo& folder) const {
  return std::any_of(options_.exclude.begin(), options_.exclude.end(),
                     [&](const std::string& pattern) {
                       return EqualsIgnoreCase(pattern, folder.name) ||
                              (folder.role != FolderRole::kNone &&
                               EqualsIgnoreCase(pattern, ToString(folder.role)));
                     });
}

bool MailboxVisit::SliceOver() const {
  return bytes_left_ == 0 || context_.clock.Now() >= stop_at_;
}

net::Task<VisitResult> MailboxVisit::Run(Stage stage, Duration slice, uint64_t slice_bytes) {
  result_ = {};
  coverage_ = {};
  const TimePoint now = context_.clock.Now();
  stop_at_ = slice == Duration::max() ? TimePoint::max() : now + slice;
  bytes_left_ = slice_bytes;
  if (!folders_loaded_) {
    const Status loaded = co_await LoadFolders();
    if (!loaded.ok()) {
      result_.status = loaded;
      co_return std::move(result_);
    }
    folders_loaded_ = true;
  }
  for (Folder& folder : folders_) {
    const Status done = co_await RunFolder(stage, folder);
    if (!done.ok() && result_.status.ok()) {
      result_.status = done.WithContext("folder \"" + EscapeForLog(folder.info.name) + "\"");
    }
    if (!done.ok() && !ConcernsFolderOnly(done)) {
      break;
    }
    if (result_.more) {
      break;
    }
  }
  const Status saved = co_await SaveProgress();
  if (!saved.ok() && result_.status.ok()) {
    result_.status = saved;
  }
  for (const Folder& folder : folders_) {
    result_.window_needed = result_.window_needed || !folder.record.window_complete;
    result_.backfill_needed = result_.backfill_needed || !folder.record.backfill_complete;
  }
  if (result_.status.ok() && stage == Stage::kWindow) {
    result_.window_coverage = coverage_.Value();
  } else if (result_.status.ok() && stage == Stage::kBackfill) {
    result_.backfill_coverage = coverage_.Value();
  }
  co_return std::move(result_);
}

net::Task<Status> MailboxVisit::LoadFolders() {
  CO_TRY(std::vector<FolderInfo> listed, session_.ListFolders(/*with_status=*/false));
  std::erase_if(listed, [this](const FolderInfo& folder) { return Excluded(folder); });
  using Records = Result<std::vector<store::FolderRecord>>;
  std::function<Records()> ensure = [this, &listed]() -> Records {
    std::vector<store::MailStore::NewFolder> folders;
    for (const FolderInfo& folder : listed) {
      folders.push_back({.name = folder.name, .role = std::string(ToString(folder.role))});
    }
    MH_ASSIGN_OR_RETURN([[maybe_unused]] const std::vector<store::FolderId> ids,
                        context_.store.EnsureFolders(options_.mailbox, folders));
    return context_.store.ListFolders(options_.mailbox);
  };
  CO_TRY(std::vector<store::FolderRecord> records,
         RunOn<Records>(context_.committer, std::move(ensure)));
  std::map<std::string, store::FolderRecord, std::less<>> by_name;
  for (store::FolderRecord& record : records) {
    by_name.emplace(record.name, std::move(record));
  }
  folders_.clear();
  for (FolderInfo& folder : listed) {
    const auto it = by_name.find(folder.name);
    MH_CHECK(it != by_name.end());
    folders_.push_back({.info = std::move(folder), .record = it->second});
  }
  // INBOX first: that is where people look.
  std::stable_partition(folders_.begin(), folders_.end(), [](const Folder& folder) {
    return folder.info.role == FolderRole::kInbox;
  });
  co_return Status::Ok();
}

net::Task<Status> MailboxVisit::RunFolder(Stage stage, Folder& folder) {
  // The window stage is a whole check: where the window is complete, what came since counts.
  if (stage == Stage::kNew || (stage == Stage::kWindow && folder.record.window_complete)) {
    co_return co_await CheckNew(folder);
  }
  if (stage == Stage::kBackfill && folder.record.backfill_complete) {
    co_return Status::Ok();
  }
  co_return co_await FetchListed(folder, stage);
}

// Opens the folder. Under a new UIDVALIDITY nothing is known of its UIDs: window and backfill start
// again, and what is stored already is re-linked by content instead of being stored twice.
net::Task<Result<OpenedFolder>> MailboxVisit::Open(Folder& folder) {
  CO_TRY(const OpenedFolder opened, session_.OpenFolder(folder.info, nullptr));
  if (opened.uid_validity == 0) {
    co_return Status(Code::kProtocol, "the server gives UIDVALIDITY 0, so UIDs mean nothing");
  }
  if (opened.uid_validity != folder.record.uid_validity) {
    folder.record.uid_validity = opened.uid_validity;
    folder.record.uid_next = 0;
    folder.record.window_complete = false;
    folder.record.backfill_complete = false;
    // Saved with this stage: those that follow may run in a later visit, which must not find the
    // old folder's work done.
    folder.changed = true;
  }
  co_return opened;
}

net::Task<Status> MailboxVisit::CheckNew(Folder& folder) {
  CO_TRY(const OpenedFolder opened, Open(folder));
  if (!folder.record.window_complete) {
    // Nothing below was ever listed completely: the window stage is the first check.
    co_return Status::Ok();
  }
  if (opened.uid_next != 0 && opened.uid_next <= folder.record.uid_next) {
    co_return Status::Ok();
  }
  CO_TRY(const UidSet ledger, ReadLedger(folder));
  CO_TRY(UidSet uids, NewUids(folder, opened, ledger));
  const Uid next = std::max(opened.uid_next, uids.max() + 1);
  CO_RETURN_IF_ERROR(Fetch(folder, std::move(uids)));
  if (!result_.more && next > folder.record.uid_next) {
    folder.record.uid_next = next;
    folder.changed = true;
  }
  co_return Status::Ok();
}

net::Task<Result<UidSet>> MailboxVisit::NewUids(const Folder& folder, const OpenedFolder& opened,
                                                const UidSet& ledger) {
  const Uid first = std::max<Uid>(folder.record.uid_next, 1);
  UidSet uids;
  if (opened.uid_next > first && opened.uid_next - first <= kNewRangeMax) {
    uids.AddRange({first, opened.uid_next - 1});
  } else {
    CO_TRY(UidSet listed, session_.ListUids(std::nullopt));
    UidSet known;
    if (first > 1) {
      known.AddRange({1, first - 1});
    }
    uids = listed.Minus(known);
  }
  co_return uids.Minus(ledger);
}

net::Task<Status> MailboxVisit::FetchListed(Folder& folder, Stage stage) {
  CO_TRY(const OpenedFolder opened, Open(folder));
  if (opened.messages == 0) {
    folder.record.window_complete = true;
    folder.record.backfill_complete = true;
    folder.record.uid_next = std::max({folder.record.uid_next, opened.uid_next, Uid{1}});
    folder.changed = true;
    co_return Status::Ok();
  }
  std::optional<WallTime> since;
  if (stage == Stage::kWindow && options_.window.has_value()) {
    since = context_.clock.WallNow() - *options_.window;
  }
  CO_TRY(const UidSet listed, session_.ListUids(since));
  CO_TRY(const UidSet ledger, ReadLedger(folder));
  UidSet missing = listed.Minus(ledger);
  const uint64_t missing_before = missing.size();
  const uint64_t fetched_before = result_.stats.fetched;
  const Uid next = std::max(opened.uid_next, listed.max() + 1);
  const Status fetched = co_await Fetch(folder, std::move(missing));
  coverage_.listed += listed.size();
  const uint64_t done = result_.stats.fetched - fetched_before;
  coverage_.missing += result_.more ? missing_before - std::min(missing_before, done) : 0;
  if (!fetched.ok() || result_.more) {
    co_return fetched;
  }
  // The window stage listed everything new as well, so it also counts as a check for new mail.
  folder.record.window_complete = true;
  folder.record.backfill_complete = folder.record.backfill_complete || !since.has_value();
  folder.record.uid_next = std::max(folder.record.uid_next, next);
  folder.changed = true;
  co_return Status::Ok();
}

net::Task<Result<UidSet>> MailboxVisit::ReadLedger(const Folder& folder) {
  const store::FolderId id = folder.record.id;
  const uint32_t uid_validity = folder.record.uid_validity;
  std::function<Result<UidSet>()> read = [this, id, uid_validity] {
    return context_.store.ReadLedger(options_.mailbox, id, uid_validity);
  };
  co_return co_await RunOn<Result<UidSet>>(context_.reads, std::move(read));
}

// One commit for all folders that a stage has completed.
net::Task<Status> MailboxVisit::SaveProgress() {
  std::vector<store::FolderRecord> changed;
  for (Folder& folder : folders_) {
    if (std::exchange(folder.changed, false)) {
      changed.push_back(folder.record);
    }
  }
  if (changed.empty()) {
    co_return Status::Ok();
  }
  std::function<Status()> save = [this, records = std::move(changed)] {
    return context_.store.SaveFolders(options_.mailbox, records);
  };
  co_return co_await RunOn<Status>(context_.committer, std::move(save));
}

net::Task<Status> MailboxVisit::Fetch(Folder& folder, UidSet uids) {
  if (uids.empty()) {
    co_return Status::Ok();
  }
  IngestSink sink(context_, options_.mailbox, folder.record.id, folder.record.uid_validity);
  const Status fetched = co_await FetchInto(sink, std::move(uids));
  const Status committed = co_await sink.Drain();
  result_.stats.Add(sink.stats());
  // A store failure is the cause, the session's the consequence.
  co_return committed.ok() ? fetched : committed;
}

net::Task<Status> MailboxVisit::FetchInto(IngestSink& sink, UidSet uids) {
  while (!uids.empty()) {
    if (SliceOver()) {
      result_.more = true;
      break;
    }
    UidSet chunk = uids.Greatest(kChunkUids);
    uids.Remove(chunk);
    UidSet left;
    CO_RETURN_IF_ERROR(FetchChunk(sink, std::move(chunk), &left));
    uids.AddAll(left);
  }
  co_return Status::Ok();
}

net::Task<Status> MailboxVisit::FetchChunk(IngestSink& sink, UidSet chunk, UidSet* left) {
  CO_TRY(std::vector<MessageMeta> metas, session_.FetchMeta(chunk));
  std::erase_if(metas, [&chunk](const MessageMeta& meta) { return !chunk.Contains(meta.uid); });
  std::sort(metas.begin(), metas.end(),
            [](const MessageMeta& a, const MessageMeta& b) { return a.uid < b.uid; });
  sink.AddAbsent(chunk.Minus(UidsOf(metas)));
  std::reverse(metas.begin(), metas.end());
  std::vector<MessageMeta> wanted;
  wanted.reserve(metas.size());
  for (MessageMeta& meta : metas) {
    if (meta.size > options_.max_message) {
      sink.LeaveOut(meta, Status(Code::kMessageRejected, "larger than collect.max_message"));
    } else if (bytes_left_ == 0) {
      left->Add(meta.uid);
    } else {
      bytes_left_ -= std::min(bytes_left_, std::max<uint64_t>(meta.size, 1));
      wanted.push_back(std::move(meta));
    }
  }
  co_return co_await session_.FetchBodies(wanted, sink);
}

}  // namespace mailhaul::pipeline
