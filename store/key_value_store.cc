#include "store/key_value_store.h"

#include <algorithm>

#include "base/check.h"
#include "store/batch_check.h"
#include "store/key_layout.h"

namespace mailhaul::store {
namespace {

void CheckKey(std::string_view key, ShardId shard) {
  MH_CHECK(key.size() >= kKeyPrefixBytes && key.size() <= kKeyBytesMax);
  const auto keyspace = static_cast<uint8_t>(key.front());
  MH_CHECK(keyspace >= kKeyspaceFirst && keyspace <= kKeyspaceLast);
  MH_CHECK(ShardOfKey(key) == shard);
}

}  // namespace

size_t Batch::bytes() const {
  size_t total = 0;
  for (const Write& write : writes) {
    total += write.key.size() + (write.value ? write.value->size() : 0);
  }
  return total;
}

void CheckBatches(std::span<const Batch> batches, std::span<const Outcome> outcomes) {
  MH_CHECK(batches.size() == outcomes.size());
  std::vector<ShardId> shards;
  shards.reserve(batches.size());
  for (const Batch& batch : batches) {
    MH_CHECK(batch.bytes() <= kBatchBytesMax);
    for (const Write& write : batch.writes) {
      CheckKey(write.key, batch.shard);
      MH_CHECK(!write.value || write.value->size() <= kValueBytesMax);
    }
    for (const Expectation& expectation : batch.expectations) {
      CheckKey(expectation.key, batch.shard);
    }
    shards.push_back(batch.shard);
  }
  std::sort(shards.begin(), shards.end());
  MH_CHECK(std::adjacent_find(shards.begin(), shards.end()) == shards.end());
}

void CheckScan(const ScanRequest& request) {
  MH_CHECK(!request.begin.empty());
  const auto keyspace = static_cast<uint8_t>(request.begin.front());
  MH_CHECK(keyspace >= kKeyspaceFirst && keyspace <= kKeyspaceLast);
  MH_CHECK(request.end <= std::string(1, static_cast<char>(keyspace + 1)));
}

}  // namespace mailhaul::store
