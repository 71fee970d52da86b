// What one connection does for one mailbox: check what is new and what changed, fetch the window,
// backfill.
//
// A visit borrows a logged-in session and decides, from the store's ledger, which UIDs to fetch. It
// writes nothing to the source. Progress is kept whatever happens: what was committed is in the
// ledger, and the next visit goes on from there.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "connectors/connector.h"
#include "engine/pipeline/context.h"
#include "engine/pipeline/folder_list.h"
#include "engine/pipeline/ingest_sink.h"
#include "engine/pipeline/quiet_check.h"
#include "engine/pipeline/relinker.h"
#include "engine/pipeline/source_changes.h"

namespace mailhaul::pipeline {

enum class Stage : uint8_t {
  // A whole check: changed flags and messages that are gone, then UIDs at or above the last
  // complete check's UIDNEXT. Folders whose status shows no change are not opened.
  kNew,
  kWindow,    // The same, and the window of folders where it is not complete.
  kBackfill,  // Folders whose older part is not complete.
};

struct VisitOptions {
  MailboxId mailbox;
  std::optional<std::chrono::milliseconds> window;  // Absent: the window is all of the mailbox.
  uint64_t max_message = uint64_t{64} << 20;
  std::vector<std::string> exclude;  // Folder names or roles, case-insensitive.
  bool backfill = true;              // The older part is wanted at all.
  // A session shows a part of the mailbox, and the next session the next one: until a session had
  // nothing new, another check is needed.
  bool shown_in_parts = false;
  // What is gone at the source is deleted here too, once all folders have been read.
  bool mirror = false;
  // Messages that were left out for their size, to be fetched now, with the check for new mail.
  std::vector<MessageId> wanted;
  // A stage's bytes are a limit, not a slice: no body is fetched that does not fit into what is
  // left.
  bool exact_bytes = false;
  // No body is asked for while what the tenant's mailboxes hold, and what its visits have asked
  // for, comes to this many bytes: the stage then ends with kResourceExhausted. 0: no limit.
  uint64_t quota_bytes = 0;
  TenantId tenant;
  std::atomic<uint64_t>* quota_asked = nullptr;  // Of all visits of the tenant; with quota_bytes.
  // Messages that were received before are not kept, and so left out; their UIDs count as done.
  std::optional<WallTime> received_from;
  // Of this mailbox, kept from visit to visit; null: each check reads the store.
  QuietCheck* quiet = nullptr;
};

struct VisitResult {
  // What went wrong is for the stage's last slice to tell: this one brought something, and the
  // session goes on.
  bool IsCutDespiteFailure() const {
    return folders_failed && more && stats.stored + stats.duplicates > 0;
  }

  Status status;  // Of the stage. kCancelled: stopped from outside.
  IngestStats stats;
  bool more = false;                      // The slice ended first: the stage is not complete.
  bool folders_failed = false;            // The status is of folders; all else went well.
  Duration age{0};                        // How long ago a check that went on looked for news.
  uint64_t bytes_asked = 0;               // Of bodies that were asked for.
  uint64_t bytes_needed = 0;              // exact_bytes: by the largest that did not fit.
  bool window_needed = false;             // Some folder's window is not complete.
  bool backfill_needed = false;           // Some folder's older part is not complete.
  bool quiet = false;                     // Nothing is new; nothing was read or written here.
  bool check_needed = false;              // Something is left that only a whole check settles.
  std::vector<MessageId> wanted_left;     // Of VisitOptions::wanted, for a later stage.
  std::optional<double> window_coverage;  // 0..1, when this stage learned it.
  std::optional<double> backfill_coverage;
};

// One stage at a time; belongs to the session's loop.
class MailboxVisit final {
 public:
  MailboxVisit(Context& context, SourceSession& session, VisitOptions options);

  // `slice` and `slice_bytes` end a stage early at a safe point; of a check, the time counts from
  // when it knows what is new. A folder that the server refuses to open does not keep the others
  // from being done; the first such failure is the result's status, in every stage that goes on
  // from the same look for news. `rest`: if the last stage was a check that ended early, a check
  // goes on with what that one found, and does not look for more.
  net::Task<VisitResult> Run(Stage stage, Duration slice, uint64_t slice_bytes, bool rest = false);

  // Opens INBOX, or the folder that Gmail's labels show, for SourceSession::WaitForNews(), after a
  // stage that went well. True when opening it shows news already.
  net::Task<Result<bool>> Watch();

 private:
  struct Coverage {
    uint64_t listed = 0;
    uint64_t missing = 0;
    std::optional<double> Value() const;
  };

  net::Task<Status> LookForNews(Stage stage);
  net::Task<Status> ListFolders();
  net::Task<Status> LoadFolders();  // From listed_.
  bool IsQuiet() const;
  void RememberQuiet(Stage stage);
  net::Task<Status> FollowChanges();
  net::Task<Status> FollowFolder(VisitFolder& folder);
  net::Task<Status> RunFolders(Stage stage);
  net::Task<Status> RunFolder(Stage stage, VisitFolder& folder);
  // Opens the folder unless it is the open one.
  net::Task<Status> Open(VisitFolder& folder, const KnownFolder* known);
  net::Task<Status> CheckNew(VisitFolder& folder);
  net::Task<Status> FetchListed(VisitFolder& folder, Stage stage);
  net::Task<Status> DropStale(VisitFolder& folder);
  net::Task<Result<UidSet>> NewUids(const VisitFolder& folder, const UidSet& ledger);
  net::Task<Result<UidSet>> ReadLedger(const VisitFolder& folder);
  net::Task<Status> Fetch(VisitFolder& folder, UidSet uids, bool urgent);
  net::Task<Status> FetchInto(IngestSink& sink, const VisitFolder& folder, UidSet uids);
  net::Task<Status> FetchChunk(IngestSink& sink, UidSet chunk, UidSet* left);
  net::Task<Status> FetchPart(IngestSink& sink, std::vector<MessageMeta> part, uint64_t weight);
  uint64_t PartMax() const;
  net::Task<Status> FetchWanted();
  net::Task<Status> FetchWhole(MessageId message);
  net::Task<Status> KeepHeaders(IngestSink& sink, std::vector<MessageMeta> oversized);
  net::Task<Status> SaveProgress();
  bool ReadWhole() const;
  net::Task<Status> RemoveGone();
  // The first failure of a folder is the stage's; true when the other folders can still be done.
  bool NoteFailure(const VisitFolder& folder, const Status& failure);
  void Conclude(Stage stage);
  uint64_t BytesLeft() const;  // Of the slice.
  bool BytesOver() const;
  bool TimeOver() const;
  bool IsOver(const IngestSink& sink) const;
  Status CheckQuota();
  void ReleaseQuota();  // What was asked for is stored, or will not come.
  // Counts a body of this size; false when it has to wait for another stage.
  bool TakeBytes(uint64_t size);
  void GiveBytesBack(uint64_t size);  // Of bodies that did not come.

  Context& context_;
  SourceSession& session_;
  VisitOptions options_;
  SourceChanges changes_;
  Relinker relinker_;
  std::vector<FolderInfo> listed_;  // By the server, until folders_ are loaded from it.
  uint64_t listing_ = 0;            // DigestListing() of it.
  std::vector<VisitFolder> folders_;
  bool folders_loaded_ = false;
  bool watchable_ = false;      // See FolderList.
  uint64_t gone_ = 0;           // Messages that were gone when this visit began.
  bool gone_removed_ = false;   // Since the last message that vanished.
  bool checked_whole_ = false;  // Since the folders were listed.
  bool fetched_ = false;        // Anything, in any stage.
  bool goes_on_ = false;        // With a check that ended early.
  bool unfinished_ = false;     // The last stage was a check that ended early,
  TimePoint listed_at_{};       // and had its folders listed then.
  Status news_failure_;         // Of the first folder that could not be followed then.
  const VisitFolder* open_folder_ = nullptr;  // Of folders_.

  // Of the running stage.
  VisitResult result_;
  Coverage coverage_;
  TimePoint stop_at_ = TimePoint::max();
  bool progressed_ = false;           // In this stage: before that its time is not over.
  double weight_per_second_ = 0;      // Of the last part of bodies; 0: not known.
  uint64_t bytes_max_ = 0;            // Of the slice,
  uint64_t bytes_taken_ = 0;          // and what of it is used up; the last body may go beyond it.
  uint64_t quota_left_ = UINT64_MAX;  // May be asked for before CheckQuota() looks again.
  uint64_t quota_taken_ = 0;          // Counted in *quota_asked by this visit.
  uint64_t bytes_enough_ = 0;         // exact_bytes: less is not worth looking for what fits.
};

}  // namespace mailhaul::pipeline
