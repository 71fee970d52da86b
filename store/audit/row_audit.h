// One shard's rows against its placements.
#pragma once

#include <functional>

#include "base/ids.h"
#include "base/result.h"
#include "store/audit/audit.h"
#include "store/audit/owners.h"
#include "store/key_value_store.h"

namespace mailhaul::store {

Status AuditShardRows(KeyValueStore& records, ShardId shard, const Owners& owners,
                      const std::function<void(const AuditReport&)>& progress, AuditReport& report);

}  // namespace mailhaul::store
