#include "engine/pipeline/mailbox_visit.h"

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "engine/pipeline/await_on.h"

namespace mailhaul::pipeline {
namespace {

// A server that claims more new UIDs than this in one check is asked to list them instead.
constexpr uint64_t kNewRangeMax = 10'000;
constexpr size_t kGoneRowsMax = 1000;  // Deleted in one operation of the committer.

// The folder cannot be had, but the session and the other folders can.
bool ConcernsFolderOnly(const Status& status) {
  return status.code() == Code::kServerRefused || status.code() == Code::kNotFound;
}

}  // namespace

std::optional<double> MailboxVisit::Coverage::Value() const {
  if (listed == 0) {
    return 1.0;
  }
  return static_cast<double>(listed - std::min(listed, missing)) / static_cast<double>(listed);
}

MailboxVisit::MailboxVisit(Context& context, SourceSession& session, VisitOptions options)
    : context_(context),
      session_(session),
      options_(std::move(options)),
      changes_(context, session, options_.mailbox),
      relinker_(context, session, options_.mailbox) {}

uint64_t MailboxVisit::BytesLeft() const { return bytes_max_ - std::min(bytes_max_, bytes_taken_); }

bool MailboxVisit::BytesOver() const { return BytesLeft() <= bytes_enough_; }

bool MailboxVisit::TimeOver() const { return progressed_ && context_.clock.Now() >= stop_at_; }

bool MailboxVisit::NoteFailure(const VisitFolder& folder, const Status& failure) {
  if (result_.status.ok()) {
    result_.status = failure.WithContext("folder \"" + EscapeForLog(folder.info.name) + "\"");
  }
  return ConcernsFolderOnly(failure);
}

net::Task<VisitResult> MailboxVisit::Run(Stage stage, Duration slice, uint64_t slice_bytes,
                                         bool rest) {
  result_ = {};
  coverage_ = {};
  const TimePoint now = context_.clock.Now();
  const bool resumes = rest && stage == Stage::kNew && std::exchange(unfinished_, false);
  stop_at_ = slice == Duration::max() ? TimePoint::max() : now + slice;
  progressed_ = false;
  bytes_max_ = slice_bytes;
  bytes_taken_ = 0;
  bytes_enough_ = options_.exact_bytes ? slice_bytes / 16 : 0;
  goes_on_ = options_.quiet != nullptr && options_.quiet->unfinished;
  Status done;
  if (resumes) {
    result_.age = now - listed_at_;
  } else if (stage == Stage::kNew || !folders_loaded_) {
    listed_at_ = now;
    done = co_await LookForNews(stage);
    news_failure_ = result_.status;
    if (result_.quiet) {
      co_return std::move(result_);
    }
    // However long that took, there has to be time to fetch, too.
    if (stage == Stage::kNew && slice != Duration::max()) {
      stop_at_ = context_.clock.Now() + slice;
    }
  }
  result_.status = news_failure_;
  if (done.ok()) {
    done = co_await RunFolders(stage);
  }
  if (done.ok() && stage == Stage::kNew) {
    done = co_await FetchWanted();
  }
  const Status saved = co_await SaveProgress();
  if (done.ok()) {
    done = saved;
  }
  if (done.ok() && result_.status.ok() && !result_.more) {
    checked_whole_ = checked_whole_ || stage != Stage::kBackfill;
    if (options_.mirror && ReadWhole()) {
      done = co_await RemoveGone();
    }
  }
  result_.folders_failed = done.ok() && !result_.status.ok();
  if (result_.status.ok()) {
    result_.status = done;
  }
  unfinished_ = stage == Stage::kNew && done.ok() && result_.more;
  Conclude(stage);
  RememberQuiet(stage);
  co_return std::move(result_);
}

net::Task<Status> MailboxVisit::LookForNews(Stage stage) {
  CO_RETURN_IF_ERROR(ListFolders());
  if (stage == Stage::kNew && IsQuiet()) {
    result_.quiet = true;
    result_.backfill_needed = options_.quiet->backfill_needed;
    co_return Status::Ok();
  }
  CO_RETURN_IF_ERROR(LoadFolders());
  co_return co_await FollowChanges();
}

bool MailboxVisit::IsQuiet() const {
  return options_.quiet != nullptr && options_.wanted.empty() &&
         options_.quiet->Matches(listing_, context_.clock.WallNow());
}

// Only a check that needed no opening and left nothing to do: then the same listing means the same
// again. Other stages may change what is stored.
void MailboxVisit::RememberQuiet(Stage stage) {
  if (options_.quiet == nullptr) {
    return;
  }
  const bool finished = result_.status.ok() && !result_.more;
  *options_.quiet = {};
  options_.quiet->unfinished = stage == Stage::kBackfill ? goes_on_ : !finished;
  const bool settled = stage == Stage::kNew && result_.status.ok() && !result_.more &&
                       !result_.check_needed && !result_.window_needed &&
                       changes_.vanished() == 0 && (gone_ == 0 || !options_.mirror);
  const bool unchanged =
      std::all_of(folders_.begin(), folders_.end(), [this](const VisitFolder& folder) {
        return !folder.opened.has_value() && folder.IsUnchanged(changes_.FlagsDue(folder));
      });
  if (settled && unchanged && listing_ != 0) {
    options_.quiet->listing = listing_;
    options_.quiet->until = QuietUntil(folders_, context_.clock.WallNow());
    options_.quiet->backfill_needed = result_.backfill_needed;
  }
}

void MailboxVisit::Conclude(Stage stage) {
  fetched_ = fetched_ || result_.stats.fetched > 0;
  if (!folders_loaded_) {
    return;
  }
  result_.check_needed = result_.check_needed || (options_.shown_in_parts && fetched_);
  for (const VisitFolder& folder : folders_) {
    result_.window_needed = result_.window_needed || !folder.record.window_complete;
    result_.backfill_needed = result_.backfill_needed || !folder.record.backfill_complete;
  }
  if (result_.status.ok() && stage == Stage::kWindow) {
    result_.window_coverage = coverage_.Value();
  } else if (result_.status.ok() && stage == Stage::kBackfill) {
    result_.backfill_coverage = coverage_.Value();
  }
}

net::Task<Status> MailboxVisit::ListFolders() {
  open_folder_ = nullptr;
  folders_loaded_ = false;
  checked_whole_ = false;
  CO_TRY(listed_, session_.ListFolders(/*with_status=*/true));
  listing_ = DigestListing(listed_);
  co_return Status::Ok();
}

net::Task<Status> MailboxVisit::LoadFolders() {
  std::vector<FolderInfo> listed = std::exchange(listed_, {});
  CO_TRY(FolderList list, JoinFolders(context_, options_.mailbox, std::move(listed),
                                      session_.folders_are_labels(), options_.exclude));
  changes_.Restart(list.vanished);
  gone_ = list.gone;
  folders_ = std::move(list.folders);
  watchable_ = list.watchable;
  folders_loaded_ = true;
  co_return Status::Ok();
}

// All folders before any new message is fetched: what is new in one may have moved from another.
net::Task<Status> MailboxVisit::FollowChanges() {
  for (VisitFolder& folder : folders_) {
    const bool has_placements = folder.record.placed > 0;
    if (!(folder.record.window_complete || has_placements) ||
        folder.IsUnchanged(changes_.FlagsDue(folder))) {
      continue;
    }
    const Status followed = co_await FollowFolder(folder);
    if (!followed.ok() && !NoteFailure(folder, followed)) {
      co_return followed;
    }
  }
  co_return Status::Ok();
}

net::Task<Status> MailboxVisit::FollowFolder(VisitFolder& folder) {
  KnownFolder known;
  known.uid_validity = folder.record.uid_validity;
  known.modseq = folder.record.modseq;
  // Backfill, or a process that died before it could say so, may have stored more than what lies
  // below the record's UIDNEXT.
  known.uid_next = UINT32_MAX;
  CO_RETURN_IF_ERROR(Open(folder, known.modseq != 0 ? &known : nullptr));
  const uint64_t vanished_before = changes_.vanished();
  CO_RETURN_IF_ERROR(changes_.Follow(folder));
  gone_removed_ = gone_removed_ && changes_.vanished() == vanished_before;
  co_return Status::Ok();
}

net::Task<Status> MailboxVisit::RunFolders(Stage stage) {
  for (VisitFolder& folder : folders_) {
    const Status done = co_await RunFolder(stage, folder);
    if (!done.ok() && !NoteFailure(folder, done)) {
      co_return done;
    }
    if (result_.more) {
      break;
    }
  }
  co_return Status::Ok();
}

net::Task<Status> MailboxVisit::RunFolder(Stage stage, VisitFolder& folder) {
  // The window stage is a whole check: where the window is complete, what came since counts.
  if (stage == Stage::kNew || (stage == Stage::kWindow && folder.record.window_complete)) {
    co_return co_await CheckNew(folder);
  }
  if (stage == Stage::kBackfill && folder.record.backfill_complete) {
    co_return Status::Ok();
  }
  co_return co_await FetchListed(folder, stage);
}

net::Task<Status> MailboxVisit::Open(VisitFolder& folder, const KnownFolder* known) {
  if (open_folder_ == &folder) {
    co_return Status::Ok();
  }
  open_folder_ = nullptr;
  CO_TRY(const OpenedFolder opened, session_.OpenFolder(folder.info, known));
  if (opened.uid_validity == 0) {
    co_return Status(Code::kProtocol, "the server gives UIDVALIDITY 0, so UIDs mean nothing");
  }
  open_folder_ = &folder;
  if (folder.Note(opened)) {
    CO_RETURN_IF_ERROR(DropStale(folder));
  }
  co_return Status::Ok();
}

net::Task<Result<bool>> MailboxVisit::Watch() {
  if (!folders_loaded_) {
    CO_RETURN_IF_ERROR(LoadFolders());
  }
  if (!watchable_) {
    co_return Status(Code::kServerRefused, "there is no INBOX to watch");
  }
  VisitFolder& inbox = folders_.front();
  if (open_folder_ == &inbox) {
    co_return false;
  }
  const uint32_t uid_validity = inbox.record.uid_validity;
  CO_RETURN_IF_ERROR(Open(inbox, nullptr));
  co_return inbox.record.uid_validity != uid_validity ||
      inbox.opened->uid_next > inbox.record.uid_next ||
      inbox.opened->messages != inbox.record.source_messages;
}

net::Task<Status> MailboxVisit::CheckNew(VisitFolder& folder) {
  if (!folder.record.window_complete || !folder.opened.has_value()) {
    co_return Status::Ok();  // The window stage is its first check, or nothing has changed.
  }
  const Uid uid_next = folder.opened->uid_next;
  if (uid_next != 0 && uid_next <= folder.record.uid_next) {
    co_return Status::Ok();
  }
  CO_RETURN_IF_ERROR(Open(folder, nullptr));
  if (!folder.record.window_complete) {
    co_return Status::Ok();
  }
  // Opened again, it may hold more than when its messages were counted: that is the next check's.
  folder.opened->uid_next = uid_next;
  CO_TRY(const UidSet ledger, ReadLedger(folder));
  CO_TRY(UidSet uids, NewUids(folder, ledger));
  const Uid next = std::max(folder.opened->uid_next, uids.max() + 1);
  CO_RETURN_IF_ERROR(Fetch(folder, std::move(uids), /*urgent=*/true));
  if (!result_.more && next > folder.record.uid_next) {
    folder.record.uid_next = next;
    folder.changed = true;
  }
  co_return Status::Ok();
}

net::Task<Result<UidSet>> MailboxVisit::NewUids(const VisitFolder& folder, const UidSet& ledger) {
  const Uid first = std::max<Uid>(folder.record.uid_next, 1);
  const Uid uid_next = folder.opened->uid_next;
  UidSet uids;
  if (uid_next > first && uid_next - first <= kNewRangeMax) {
    uids.AddRange({first, uid_next - 1});
  } else {
    CO_TRY(UidSet listed, session_.ListUids(std::nullopt));
    UidSet known;
    // A message that was hidden when its turn came may show itself later, under an old UID.
    const bool may_be_late = !session_.listing_is_complete() && folder.record.backfill_complete;
    if (first > 1 && !may_be_late) {
      known.AddRange({1, first - 1});
    }
    if (uid_next != 0) {
      known.AddRange({uid_next, UINT32_MAX});
    }
    uids = listed.Minus(known);
  }
  co_return uids.Minus(ledger);
}

net::Task<Status> MailboxVisit::FetchListed(VisitFolder& folder, Stage stage) {
  // Mailboxes have dozens of empty folders, and each opening is a round trip. But what is gone
  // elsewhere may have moved here since the listing, and keeps its id only if it is found in time.
  const bool nothing_is_gone = changes_.vanished() == 0 && gone_ == 0;
  if (session_.listing_is_complete() && nothing_is_gone && folder.IsKnownEmpty()) {
    folder.ReadEmpty(context_.clock.WallNow());
    co_return Status::Ok();
  }
  CO_RETURN_IF_ERROR(Open(folder, nullptr));
  const OpenedFolder opened = *folder.opened;
  std::optional<WallTime> since;
  if (stage == Stage::kWindow && options_.window.has_value()) {
    since = context_.clock.WallNow() - *options_.window;
  }
  UidSet all;
  if (opened.messages > 0 && since.has_value() && opened.uid_next == 0) {
    // Nobody tells where new mail begins, and the window may be empty. First, so that what comes
    // meanwhile is not taken for old.
    CO_TRY(all, session_.ListUids(std::nullopt));
  }
  UidSet listed;
  if (opened.messages > 0) {
    CO_TRY(listed, session_.ListUids(since));
  }
  CO_TRY(const UidSet ledger, ReadLedger(folder));
  UidSet missing = listed.Minus(ledger);
  const uint64_t missing_before = missing.size();
  const uint64_t fetched_before = result_.stats.fetched;
  const Uid next = std::max({opened.uid_next, listed.max() + 1, all.max() + 1, Uid{1}});
  const Status fetched = co_await Fetch(folder, std::move(missing), /*urgent=*/false);
  coverage_.listed += listed.size();
  const uint64_t done = result_.stats.fetched - fetched_before;
  coverage_.missing += result_.more ? missing_before - std::min(missing_before, done) : 0;
  if (!fetched.ok() || result_.more) {
    co_return fetched;
  }
  if (!folder.record.window_complete) {
    // The window stage listed everything new as well, so it also counts as a check for new mail. If
    // all that is stored came from this opening, nothing can be gone since.
    const bool one_opening = ledger.empty() && listed.max() < std::max<Uid>(opened.uid_next, 1);
    folder.FirstRead(next, one_opening, context_.clock.WallNow());
  }
  folder.record.backfill_complete =
      folder.record.backfill_complete || !since.has_value() || opened.messages == 0;
  folder.changed = true;
  co_return Status::Ok();
}

// The server numbered the folder anew. What is stored is gone under its old UIDs, until it is found
// under new ones, here or, if it was moved as well, elsewhere.
net::Task<Status> MailboxVisit::DropStale(VisitFolder& folder) {
  using Marked = Result<uint64_t>;
  const store::FolderId id = folder.record.id;
  const uint32_t uid_validity = folder.record.uid_validity;
  std::function<Marked()> mark = [this, id, uid_validity] {
    return context_.store.MarkStaleGone(options_.mailbox, id, uid_validity);
  };
  CO_TRY(const uint64_t gone, RunOn<Marked>(context_.committer, std::move(mark)));
  changes_.AddVanished(gone);
  gone_removed_ = gone_removed_ && gone == 0;
  co_return Status::Ok();
}

net::Task<Result<UidSet>> MailboxVisit::ReadLedger(const VisitFolder& folder) {
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
  for (VisitFolder& folder : folders_) {
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

// A message that is gone from one folder may turn up in another, and then keeps its id: so nothing
// is deleted before all folders have been read.
bool MailboxVisit::ReadWhole() const {
  return std::all_of(folders_.begin(), folders_.end(), [this](const VisitFolder& folder) {
    return folder.record.window_complete && (folder.record.backfill_complete || !options_.backfill);
  });
}

net::Task<Status> MailboxVisit::RemoveGone() {
  using Removed = Result<uint64_t>;
  if (!checked_whole_) {
    result_.check_needed = true;  // What came meanwhile was not looked at.
    co_return Status::Ok();
  }
  while (!gone_removed_) {
    std::function<Removed()> remove = [this] {
      return context_.store.RemoveGone(options_.mailbox, kGoneRowsMax);
    };
    CO_TRY(const uint64_t removed, RunOn<Removed>(context_.committer, std::move(remove)));
    gone_removed_ = removed == 0;
  }
  co_return Status::Ok();
}

}  // namespace mailhaul::pipeline
