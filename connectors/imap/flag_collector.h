// Collects the flags and labels that FETCH responses tell. Part of FetchFlags() and OpenFolder().
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "connectors/connector.h"
#include "connectors/imap/response.h"

namespace mailhaul::imap {

class FlagCollector final {
 public:
  // `with_labels`: labels were asked for, and flags that were told without them (by a server that
  // sends news in between) are not all there is to know.
  explicit FlagCollector(bool with_labels) : with_labels_(with_labels) {}

  // Entries without UID are left out. kProtocol beyond kFlagTextBytesMax.
  Status Add(const FetchEntry& fetch);
  // By UID, once each: of what was asked for, the last that was told. Messages of which a part was
  // not told are left out.
  std::vector<FlagState> Finish() &&;

 private:
  // What one response told.
  struct Told {
    Uid uid = 0;
    std::optional<uint8_t> flags;
    std::vector<std::string> keywords;
    std::optional<std::vector<std::string>> labels;
  };
  std::optional<FlagState> ToState(Told told) const;

  const bool with_labels_;
  std::vector<Told> told_;
  size_t text_bytes_ = 0;
};

}  // namespace mailhaul::imap
