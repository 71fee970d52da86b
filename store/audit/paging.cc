#include "store/audit/paging.h"

#include <vector>

#include "base/text.h"

namespace mailhaul::store {
namespace {

constexpr size_t kPageRows = 1000;

}  // namespace

Status PageThrough(KeyValueStore& records, const std::string& prefix,
                   const std::function<Status(const Row&)>& visit) {
  ScanRequest request{
      .begin = prefix, .end = PrefixEnd(prefix), .descending = false, .rows_max = kPageRows};
  std::vector<Row> page;
  for (bool more = true; more;) {
    page.clear();
    const auto keep = [&page](std::string_view key, std::string_view value) {
      page.push_back({.key = std::string(key), .value = std::string(value)});
      return true;
    };
    MH_ASSIGN_OR_RETURN(more, records.Scan(request, keep));
    for (const Row& row : page) {
      MH_RETURN_IF_ERROR(visit(row));
    }
    if (page.empty()) {
      return Status::Ok();
    }
    request.begin = page.back().key + '\0';
  }
  return Status::Ok();
}

std::string NameRow(std::string_view key) {
  return "row of keyspace " + std::to_string(static_cast<unsigned char>(key.front())) + ", key " +
         HexEncode(key);
}

}  // namespace mailhaul::store
