// What one connection does for one mailbox: check for new mail, fetch the window, backfill.
//
// A visit borrows a logged-in session and decides, from the store's ledger, which UIDs to fetch. It
// writes nothing to the source. Progress is kept whatever happens: what was committed is in the
// ledger, and the next visit goes on from there.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "connectors/connector.h"
#include "engine/pipeline/context.h"
#include "engine/pipeline/ingest_sink.h"

namespace mailhaul::pipeline {

enum class Stage : uint8_t {
  kNew,       // UIDs at or above the last complete check's UIDNEXT, in every folder.
  kWindow,    // The same, and the window of folders where it is not complete.
  kBackfill,  // Folders whose older part is not complete.
};

struct VisitOptions {
  MailboxId mailbox;
  std::optional<std::chrono::milliseconds> window;  // Absent: the window is all of the mailbox.
  uint64_t max_message = uint64_t{64} << 20;
  std::vector<std::string> exclude;  // Folder names or roles, case-insensitive.
};

struct VisitResult {
  Status status;  // Of the stage. kCancelled: stopped from outside.
  IngestStats stats;
  bool more = false;                      // The slice ended first: the stage is not complete.
  bool window_needed = false;             // Some folder's window is not complete.
  bool backfill_needed = false;           // Some folder's older part is not complete.
  std::optional<double> window_coverage;  // 0..1, when this stage learned it.
  std::optional<double> backfill_coverage;
};

// One stage at a time; belongs to the session's loop.
class MailboxVisit final {
 public:
  MailboxVisit(Context& context, SourceSession& session, VisitOptions options);

  // `slice` and `slice_bytes` end a stage early at a safe point. A folder that the server refuses
  // to open does not keep the others from being done; the first such failure is the result's
  // status.
  net::Task<VisitResult> Run(Stage stage, Duration slice, uint64_t slice_bytes);

 private:
  struct Folder {
    FolderInfo info;
    store::FolderRecord record;
    bool changed = false;  // Not saved yet.
  };
  struct Coverage {
    uint64_t listed = 0;
    uint64_t missing = 0;
    std::optional<double> Value() const;
  };

  net::Task<Status> LoadFolders();
  net::Task<Status> RunFolder(Stage stage, Folder& folder);
  net::Task<Result<OpenedFolder>> Open(Folder& folder);
  net::Task<Status> CheckNew(Folder& folder);
  net::Task<Status> FetchListed(Folder& folder, Stage stage);
  net::Task<Result<UidSet>> NewUids(const Folder& folder, const OpenedFolder& opened,
                                    const UidSet& ledger);
  net::Task<Result<UidSet>> ReadLedger(const Folder& folder);
  net::Task<Status> Fetch(Folder& folder, UidSet uids);
  net::Task<Status> FetchInto(IngestSink& sink, UidSet uids);
  net::Task<Status> FetchChunk(IngestSink& sink, UidSet chunk, UidSet* left);
  net::Task<Status> SaveProgress();
  bool Excluded(const FolderInfo& folder) const;
  bool SliceOver() const;

  Context& context_;
  SourceSession& session_;
  const VisitOptions options_;
  std::vector<Folder> folders_;
  bool folders_loaded_ = false;

  // Of the running stage.
  VisitResult result_;
  Coverage coverage_;
  TimePoint stop_at_ = TimePoint::max();
  uint64_t bytes_left_ = 0;
};

}  // namespace mailhaul::pipeline
