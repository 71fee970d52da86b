// What a source says of messages that are stored already: the arguments of MailStore's calls that
// follow it without downloading bodies.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "base/uid_set.h"
#include "store/identity.h"

namespace mailhaul::store {

using FolderId = uint32_t;  // Within its mailbox; 1, 2, ...

struct FlagUpdate {
  Uid uid = 0;
  uint8_t flags = 0;
  std::vector<std::string> keywords;  // In any order.
};

struct FolderSync {
  MailboxId mailbox;
  FolderId folder = 0;
  uint32_t uid_validity = 0;
  std::vector<FlagUpdate> flags;  // UIDs without a placement, or in `vanished`, are ignored.
  UidSet vanished;                // May name UIDs that were never there: 1:4294967295 is fine.
};

struct SyncCounts {
  uint64_t flags_changed = 0;  // Messages, not bits.
  uint64_t vanished = 0;       // Placements that became gone.
};

// A message of the source that may be one that is stored already.
struct RelinkItem {
  Uid uid = 0;
  uint8_t flags = 0;
  std::vector<std::string> keywords;
  WallTime internal_date{};  // Tells copies apart; what is stored stays.
  MessageIdentity identity{};
};

// The first 16 bytes of a hash of a POP3 UIDL.
using UidlKey = std::array<unsigned char, 16>;

// UIDLs that one call of AssignUidls() forgets at most.
inline constexpr size_t kUidlsForgottenMax = 4096;

}  // namespace mailhaul::store
