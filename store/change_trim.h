// Dropping what is old of the change log, and what remains known of it. Private to the store.
//
// Entries carry no time. A row per shard notes now and then which number the next change had at
// what time; so entries with smaller numbers are at least that old. The last number dropped of a
// tenant stands in the row of number 0, written in the batch that deletes the entries: a reader
// whose position lies before it has missed something.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "base/result.h"
#include "store/key_value_store.h"

namespace mailhaul::store {

// Entries deleted by one batch.
inline constexpr size_t kChangesTrimmedMax = 4096;
// Of one shard; ascending in both numbers and times.
inline constexpr size_t kChangeMarksMax = 128;

struct ChangeMark {
  uint64_t next = 0;  // All changes with smaller numbers had been made
  WallTime at{};      // by then.
  friend bool operator==(const ChangeMark&, const ChangeMark&) = default;
};
std::string EncodeChangeMarks(const std::vector<ChangeMark>& marks);
Result<std::vector<ChangeMark>> DecodeChangeMarks(std::string_view value);  // kCorrupt.

std::string EncodeDroppedChanges(uint64_t last);
Result<uint64_t> DecodeDroppedChanges(std::string_view value);  // kCorrupt.
// The last number dropped of a tenant; 0: none was.
Result<uint64_t> ReadDroppedChanges(KeyValueStore& records, ShardId shard, TenantId tenant);

}  // namespace mailhaul::store
