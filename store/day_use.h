// What was fetched of a day's bytes, by whatever is limited: kept, so that a restart does not begin
// the day again. Small rows of the control shard, apart from the mail.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "store/key_value_store.h"

namespace mailhaul::store {

struct DayUseRow {
  std::string name;  // Of the caller's choice, 1 to 600 bytes.
  uint32_t day = 0;
  uint64_t new_bytes = 0;
  uint64_t bulk_bytes = 0;
  friend bool operator==(const DayUseRow&, const DayUseRow&) = default;
};

// All rows, by name. Blocks on disk, like the next. kCorrupt names the row.
Result<std::vector<DayUseRow>> ReadDayUse(KeyValueStore& records);
// Durable when it returns. On the committer's thread only.
Status SaveDayUse(KeyValueStore& records, std::span<const DayUseRow> rows);

}  // namespace mailhaul::store
