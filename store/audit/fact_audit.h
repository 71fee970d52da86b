// Rows that nothing else in the store follows from or leads to: only their form can be checked, and
// that they lie where they belong.
#pragma once

#include "base/ids.h"
#include "base/result.h"
#include "store/audit/audit.h"
#include "store/audit/owners.h"
#include "store/key_value_store.h"

namespace mailhaul::store {

// Of the control shard: what was used of the day, times of checks, secrets, the last login.
Status AuditControlFacts(KeyValueStore& records, AuditReport& report);
// Of a mail shard: ledgers and UIDLs, besides what placements say of them. `owners`: of all
// mailboxes.
Status AuditShardFacts(KeyValueStore& records, ShardId shard, const Owners& owners,
                       AuditReport& report);

}  // namespace mailhaul::store
