// Collects the flags and labels that FETCH responses tell. Part of FetchFlags() and OpenFolder().
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
  size_t text_bytes_ = 0;
};

// Labels for people: on the wire they are modified UTF-7, or UTF-8 where that is enabled.
std::vector<std::string> LabelTexts(const std::vector<std::string>& wire);

}  // namespace mailhaul::imap
