// Rebuilds every index row and counter from the placements and compares them with what is stored.
#pragma once

#include <string>
#include <vector>

#include "base/ids.h"
#include "store/key_value_store.h"

namespace mailhaul::store {

// What is wrong, one line each; empty: nothing. Of a shard whose mailboxes are all of `tenant`.
std::vector<std::string> AuditRows(KeyValueStore& records, ShardId shard, TenantId tenant);

}  // namespace mailhaul::store
