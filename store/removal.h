// Mailboxes and tenants that were removed: the rows that say so, and how far their deletion has
// come. Private to the store.
//
// A removed mailbox keeps its row (about 100 bytes) after all else of it is deleted, until its
// tenant is removed: the change log still names it, and its shard stays one of the tenant's.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

#include "base/ids.h"
#include "base/result.h"

namespace mailhaul::store {

struct RemovalRecord {
  bool ended = false;  // Nothing but this row is left.
  std::string name;    // Of the mailbox or tenant.
};
std::string EncodeRemoval(const RemovalRecord& record);
Result<RemovalRecord> DecodeRemoval(std::string_view value);  // kCorrupt.

struct Removal {
  TenantId tenant;
  MailboxId mailbox;  // 0: the tenant itself, behind all its mailboxes.
  std::string name;
};

// What is still to be deleted, oldest first, and where in the first one to go on. After a restart
// it begins anew: what was deleted is passed over.
struct RemovalQueue {
  std::deque<Removal> waiting;     // The committer's thread only.
  size_t stage = 0;                // Of waiting.front().
  std::string next;                // The row of that stage to go on at; "": its first.
  std::atomic<size_t> pending{0};  // waiting.size(), for other threads.
};

}  // namespace mailhaul::store
