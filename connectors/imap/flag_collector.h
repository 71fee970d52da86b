// Collects the flags that FETCH responses tell. Part of FetchFlags() and OpenFolder().
#pragma once

#include <vector>

#include "base/result.h"
#include "connectors/connector.h"
#include "connectors/imap/response.h"

namespace mailhaul::imap {

class FlagCollector final {
 public:
  // Entries without UID or flags are left out. kProtocol beyond kFlagTextBytesMax.
  Status Add(const FetchEntry& fetch);
  // By UID, once each: the last that was told.
  std::vector<FlagState> Finish() &&;

 private:
  std::vector<FlagState> states_;
  size_t keyword_bytes_ = 0;
};

}  // namespace mailhaul::imap
