// Compares what the store holds of a mailbox with what its source lists, folder by folder. Changes
// nothing on either side: folders are opened with EXAMINE, and the store is only read.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "base/work_pool.h"
#include "connectors/connector.h"
#include "engine/pipeline/ledger_comparison.h"
#include "store/mail_store.h"

namespace mailhaul::pipeline {

// Folders of one mailbox that are told of one by one, those with something to tell first.
inline constexpr size_t kFoldersToldMax = 100;

struct FolderInspection {
  enum class State : uint8_t {
    kCompared,
    kNew,         // Never read: all of it is pending.
    kRenumbered,  // Another UIDVALIDITY: the next check re-links what is stored.
    kUnlisted,    // The source lists it no more: all that is stored of it is stale.
    kFailed,      // The source refuses it.
  };
  std::string name;  // UTF-8.
  State state = State::kCompared;
  LedgerCounts counts;
  std::string missing_uids;  // DescribeUids().
  std::string problem;       // Of kFailed.

  // Nothing is missing, as far as can be told now.
  bool IsRight() const { return state != State::kFailed && counts.missing == 0; }
  // All that the source lists is here or left out, and nothing else is here.
  bool IsEqual() const {
    return state == State::kCompared && counts.held + counts.left_out == counts.listed &&
           counts.stale == 0;
  }
};
// "compared", "new", "renumbered", "unlisted", "failed".
std::string_view ToString(FolderInspection::State state);

struct MailboxInspection {
  uint64_t folders = 0;
  uint64_t folders_failed = 0;
  LedgerCounts counts;  // Of all folders.
  std::vector<FolderInspection> told;

  bool IsRight() const { return folders_failed == 0 && counts.missing == 0; }
};

struct InspectionOptions {
  std::optional<MailboxId> mailbox;  // Absent: the store does not know it.
  std::optional<std::chrono::milliseconds> window;
  std::vector<std::string> exclude;
};

// On the session's loop; the others outlive it. Nobody fetches for the mailbox meanwhile. Folders
// that the source refuses are told of; any other failure of the session is returned, and kCorrupt
// or kIo of the store.
net::Task<Result<MailboxInspection>> InspectSource(const store::MailStore& store, WorkPool& reads,
                                                   const Clock& clock, SourceSession& session,
                                                   InspectionOptions options);

}  // namespace mailhaul::pipeline
