#include "store/check_time.h"

#include "base/check.h"
#include "base/text.h"
#include "store/control_rows.h"
#include "store/key_layout.h"

namespace mailhaul::store {
namespace {

constexpr size_t kValueBytes = 20;

uint64_t Encode(std::chrono::microseconds time) {
  MH_CHECK(time.count() >= 0 && time <= kCheckTimeMax);
  return static_cast<uint64_t>(time.count());
}

}  // namespace

Result<std::vector<CheckTimeRow>> ReadCheckTimes(KeyValueStore& records) {
  std::vector<CheckTimeRow> rows;
  MH_RETURN_IF_ERROR(ReadControlRows(
      records, CheckTimeKey(""), [&rows](std::string_view host, std::string_view value) {
        constexpr auto kMax =
            static_cast<uint64_t>(std::chrono::microseconds(kCheckTimeMax).count());
        if (value.size() != kValueBytes || ReadU64(value, 4) > kMax || ReadU64(value, 12) > kMax) {
          return Status(Code::kCorrupt, "the check time of " + EscapeForLog(host) + " is damaged");
        }
        rows.push_back({.host = std::string(host),
                        .samples = ReadU32(value, 0),
                        .mean = std::chrono::microseconds(ReadU64(value, 4)),
                        .deviation = std::chrono::microseconds(ReadU64(value, 12))});
        return Status::Ok();
      }));
  return rows;
}

Status SaveCheckTimes(KeyValueStore& records, std::span<const CheckTimeRow> rows) {
  std::vector<ControlRow> encoded;
  for (const CheckTimeRow& row : rows) {
    MH_CHECK(!row.host.empty() && row.host.size() <= kControlNameBytesMax);
    std::string value;
    AppendU32(value, row.samples);
    AppendU64(value, Encode(row.mean));
    AppendU64(value, Encode(row.deviation));
    encoded.push_back({.key = CheckTimeKey(row.host), .value = std::move(value)});
  }
  return SaveControlRows(records, encoded);
}

}  // namespace mailhaul::store
