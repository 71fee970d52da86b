// Lets a check of a mailbox in which nothing happens end without a look into the store: the server
// lists the very folders, with the very statuses, that the last check found to be all known.
#pragma once

#include <cstdint>
#include <vector>

#include "base/clock.h"
#include "connectors/connector.h"
#include "engine/pipeline/visit_folder.h"

namespace mailhaul::pipeline {

// Without a look into the store for at most so long.
inline constexpr std::chrono::minutes kQuietMax{30};

// What a check leaves for the next one of the same mailbox, in memory only.
struct QuietCheck {
  uint64_t listing = 0;  // Digest of what the server listed; 0: nothing is known.
  WallTime until{};      // Then flags are due, or it is time to look again.
  bool backfill_needed = false;
  // It ended early: what it found to be gone may still turn up among what is new.
  bool unfinished = false;

  bool Matches(uint64_t listed, WallTime now) const {
    return listing != 0 && listing == listed && now < until;
  }
};

// Of names, roles and statuses; 0 when a folder comes without a status, for then nothing follows
// from two listings being equal.
uint64_t DigestListing(const std::vector<FolderInfo>& listed);

// When `folders`, none of which has changed, have to be looked at again whatever the server lists.
WallTime QuietUntil(const std::vector<VisitFolder>& folders, WallTime now);

}  // namespace mailhaul::pipeline
