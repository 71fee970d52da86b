#include "store/last_login.h"

#include <string>

#include "store/control_rows.h"
#include "store/key_layout.h"

namespace mailhaul::store {

Result<std::optional<WallTime>> ReadLastLogin(KeyValueStore& records) {
  MH_ASSIGN_OR_RETURN(const std::optional<std::string> value, records.Get(LastLoginKey()));
  if (!value.has_value()) {
    return std::optional<WallTime>();
  }
  if (value->size() != sizeof(uint64_t)) {
    return Status(Code::kCorrupt, "the time of the last login: the value has the wrong size");
  }
  const auto milliseconds = static_cast<int64_t>(ReadU64(*value, 0));
  return std::optional(WallTime(std::chrono::milliseconds(milliseconds)));
}

Status SaveLastLogin(KeyValueStore& records, WallTime at) {
  ControlRow row{.key = LastLoginKey(), .value = ""};
  AppendU64(row.value, static_cast<uint64_t>(at.time_since_epoch().count()));
  return SaveControlRows(records, {&row, 1});
}

}  // namespace mailhaul::store
