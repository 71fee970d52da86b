#include "store/day_use.h"

#include "base/check.h"
#include "store/control_rows.h"
#include "store/key_layout.h"

namespace mailhaul::store {
namespace {

constexpr size_t kValueBytes = 20;

std::string Encode(const DayUseRow& row) {
  std::string value;
  AppendU32(value, row.day);
  AppendU64(value, row.new_bytes);
  AppendU64(value, row.bulk_bytes);
  return value;
}

}  // namespace

Result<std::vector<DayUseRow>> ReadDayUse(KeyValueStore& records) {
  std::vector<DayUseRow> rows;
  MH_RETURN_IF_ERROR(ReadControlRows(
      records, DayUseKey(""), [&rows](std::string_view name, std::string_view value) {
        if (value.size() != kValueBytes) {
          return Status(Code::kCorrupt, "a day's bytes: the value has the wrong size");
        }
        rows.push_back({.name = std::string(name),
                        .day = ReadU32(value, 0),
                        .new_bytes = ReadU64(value, 4),
                        .bulk_bytes = ReadU64(value, 12)});
        return Status::Ok();
      }));
  return rows;
}

Status SaveDayUse(KeyValueStore& records, std::span<const DayUseRow> rows) {
  std::vector<ControlRow> encoded;
  for (const DayUseRow& row : rows) {
    MH_CHECK(!row.name.empty() && row.name.size() <= kControlNameBytesMax);
    encoded.push_back({.key = DayUseKey(row.name), .value = Encode(row)});
  }
  return SaveControlRows(records, encoded);
}

}  // namespace mailhaul::store
