// How long checks that found nothing held a connection to a host: kept, so that `mailhaul plan` can
// reckon with what was measured. Small rows of the control shard, apart from the mail.
#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "store/key_value_store.h"

namespace mailhaul::store {

inline constexpr std::chrono::seconds kCheckTimeMax = std::chrono::days(1);

struct CheckTimeRow {
  std::string host;  // 1 to 600 bytes.
  uint32_t samples = 0;
  std::chrono::microseconds mean{};  // Both 0 to kCheckTimeMax.
  std::chrono::microseconds deviation{};
  friend bool operator==(const CheckTimeRow&, const CheckTimeRow&) = default;
};

// All rows, by host. Blocks on disk, like the next. kCorrupt when one cannot be what was saved.
Result<std::vector<CheckTimeRow>> ReadCheckTimes(KeyValueStore& records);
// Durable when it returns. On the committer's thread only.
Status SaveCheckTimes(KeyValueStore& records, std::span<const CheckTimeRow> rows);

}  // namespace mailhaul::store
