// What every KeyValueStore asks of its callers. Breaking it is a programmer error: these abort.
#pragma once

#include <span>

#include "store/key_value_store.h"

namespace mailhaul::store {

// The limits of key_value_store.h, one batch per shard, every key in its batch's shard.
void CheckBatches(std::span<const Batch> batches, std::span<const Outcome> outcomes);
// A scan stays within one keyspace.
void CheckScan(const ScanRequest& request);

}  // namespace mailhaul::store
