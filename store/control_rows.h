// Small rows of the control shard, each under a name, apart from the mail: what day_use.h,
// check_time.h, last_login.h, sealed_secrets.h and webhook_position.h
// keep.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "store/key_value_store.h"

namespace mailhaul::store {

inline constexpr size_t kControlNameBytesMax = 600;

struct ControlRow {
  std::string key;  // The prefix of its kind, then a name of 1 to kControlNameBytesMax bytes.
  std::string value;
};

// Visits all rows under `prefix` by name, up to the first that `visit` fails for, and fails with
// that. The views die when it returns. Blocks on disk, like the next.
Status ReadControlRows(
    KeyValueStore& records, const std::string& prefix,
    const std::function<Status(std::string_view name, std::string_view value)>& visit);
// Durable when it returns. On the committer's thread only.
Status SaveControlRows(KeyValueStore& records, std::span<const ControlRow> rows);

}  // namespace mailhaul::store
