// Submissions and the rows by which they are found.
#pragma once

#include <functional>

#include "store/audit/audit.h"
#include "store/submission.h"

namespace mailhaul::store {

// Of one shard; those that cannot be read are left out.
Status VisitSubmissions(KeyValueStore& records, ShardId shard,
                        const std::function<void(const Submission&)>& visit);
// Every submission can be read and found by its row in the list, its due row and its key, and no
// row of the list or due row leads nowhere. Returns how many have a key.
Result<uint64_t> AuditSubmissions(KeyValueStore& records, ShardId shard, AuditReport& report);

}  // namespace mailhaul::store
