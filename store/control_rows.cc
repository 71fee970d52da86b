#include "store/control_rows.h"

#include <algorithm>

#include "store/key_layout.h"

namespace mailhaul::store {
namespace {

constexpr size_t kRowsAtOnce = 1000;

}  // namespace

Status ReadControlRows(
    KeyValueStore& records, const std::string& prefix,
    const std::function<Status(std::string_view name, std::string_view value)>& visit) {
  ScanRequest request{.begin = prefix, .end = PrefixEnd(prefix), .rows_max = kRowsAtOnce};
  Status failed;
  bool more = true;
  while (more) {
    std::string last;
    MH_ASSIGN_OR_RETURN(more,
                        records.Scan(request, [&](std::string_view key, std::string_view value) {
                          last = key;
                          failed = visit(key.substr(prefix.size()), value);
                          return failed.ok();
                        }));
    MH_RETURN_IF_ERROR(failed);
    request.begin = last + '\0';
  }
  return Status::Ok();
}

Status SaveControlRows(KeyValueStore& records, std::span<const ControlRow> rows) {
  while (!rows.empty()) {
    Batch batch;
    batch.shard = kControlShard;
    size_t count = 0;
    for (size_t bytes = 0; count < rows.size(); ++count) {
      const ControlRow& row = rows[count];
      bytes += row.key.size() + row.value.size();
      if (count > 0 && bytes > kBatchBytesMax) {
        break;
      }
      batch.Put(row.key, row.value);
    }
    Outcome outcome;
    records.Commit({&batch, 1}, {&outcome, 1});
    if (outcome.kind != Outcome::Kind::kDone) {
      return outcome.detail;
    }
    rows = rows.subspan(count);
  }
  return Status::Ok();
}

}  // namespace mailhaul::store
