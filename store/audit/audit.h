// The audit behind `mailhaul verify`: reads everything that is stored and says what does not fit.
//
// Rows are checked against the placements from which all of them follow: every index row is there
// and none is too many, counters and references count right, ledgers hold what is placed. Bodies
// are read whole and hashed. Nothing is written. The store must not be written meanwhile: a
// checkpoint, or a store that nobody else has open.
//
// Memory: some 80 MB, whatever the store's size. Blocks on disk; any one thread.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "store/file_system.h"
#include "store/key_value_store.h"

namespace mailhaul::store {

// More are counted, but not listed.
inline constexpr size_t kAuditFindingsMax = 1000;

struct AuditFinding {
  std::string place;    // "mailbox 01a3... folder 2", "segment 0000002a.seg at 8192".
  std::string problem;  // What is wrong there.
};

struct AuditReport {
  uint64_t tenants = 0;
  uint64_t mailboxes = 0;
  uint64_t messages = 0;  // Placements.
  uint64_t rows = 0;
  uint64_t bodies = 0;
  uint64_t body_bytes = 0;
  // Bytes in segments that belong to no message: what a crash, a failed write or a deletion left.
  // No damage, but where there was none of these, a sign of it.
  uint64_t leftover_bytes = 0;
  uint64_t problems = 0;
  std::vector<AuditFinding> findings;  // The first kAuditFindingsMax.

  bool sound() const { return problems == 0; }
  void Add(std::string place, std::string problem);
};

struct AuditOptions {
  std::string blob_directory;
  // Called now and then with what has been counted so far.
  std::function<void(const AuditReport&)> progress = {};
};

// Fails only when it cannot go on at all (kIo, or kCorrupt from below the rows); what is wrong
// with the data is in the report.
Result<AuditReport> AuditStore(KeyValueStore& records, FileSystem& files,
                               const AuditOptions& options);

}  // namespace mailhaul::store
