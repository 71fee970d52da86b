// Rows read page by page: unlike in a scan's own callback, other rows may be read in between.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "store/key_layout.h"
#include "store/key_value_store.h"

namespace mailhaul::store {

struct Row {
  std::string key;
  std::string value;
};

// Visits all rows under `prefix` in order, up to the first that `visit` fails for.
Status PageThrough(KeyValueStore& records, const std::string& prefix,
                   const std::function<Status(const Row&)>& visit);
// Of a finding: keyspace number and key in hexadecimal.
std::string NameRow(std::string_view key);

}  // namespace mailhaul::store
