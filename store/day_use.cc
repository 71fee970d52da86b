#include "store/day_use.h"

#include "base/check.h"
#include "store/key_layout.h"

namespace mailhaul::store {
namespace {

constexpr size_t kNameBytes = 600;
constexpr size_t kValueBytes = 20;
constexpr size_t kRowsAtOnce = 1000;

std::string Encode(const DayUseRow& row) {
  std::string value;
  AppendU32(value, row.day);
  AppendU64(value, row.new_bytes);
  AppendU64(value, row.bulk_bytes);
  return value;
}

}  // namespace

Result<std::vector<DayUseRow>> ReadDayUse(KeyValueStore& records) {
  const std::string prefix = DayUseKey("");
  ScanRequest request{.begin = prefix, .end = PrefixEnd(prefix), .rows_max = kRowsAtOnce};
  std::vector<DayUseRow> rows;
  Status corrupt;
  bool more = true;
  while (more) {
    MH_ASSIGN_OR_RETURN(
        more, records.Scan(request, [&](std::string_view key, std::string_view value) {
          request.begin = std::string(key) + '\0';
          if (value.size() != kValueBytes) {
            corrupt = Status(Code::kCorrupt, "a day's bytes: the value has the wrong size");
            return false;
          }
          rows.push_back({.name = std::string(key.substr(prefix.size())),
                          .day = ReadU32(value, 0),
                          .new_bytes = ReadU64(value, 4),
                          .bulk_bytes = ReadU64(value, 12)});
          return true;
        }));
    MH_RETURN_IF_ERROR(corrupt);
  }
  return rows;
}

Status SaveDayUse(KeyValueStore& records, std::span<const DayUseRow> rows) {
  while (!rows.empty()) {
    Batch batch;
    batch.shard = kControlShard;
    for (const DayUseRow& row : rows.first(std::min(rows.size(), kRowsAtOnce))) {
      MH_CHECK(!row.name.empty() && row.name.size() <= kNameBytes);
      batch.Put(DayUseKey(row.name), Encode(row));
    }
    Outcome outcome;
    records.Commit({&batch, 1}, {&outcome, 1});
    if (outcome.kind != Outcome::Kind::kDone) {
      return outcome.detail;
    }
    rows = rows.subspan(std::min(rows.size(), kRowsAtOnce));
  }
  return Status::Ok();
}

}  // namespace mailhaul::store
