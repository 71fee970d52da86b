// From LIST responses to folders as users see them: names in UTF-8 with "/", and roles.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "connectors/imap/response.h"

namespace mailhaul::imap {

inline constexpr size_t kFolderNameBytesMax = 1000;

// The name to show. A name that is no modified UTF-7 is taken as UTF-8 if it is that, else its odd
// bytes are shown as \xNN; so is a "/" inside a name where "/" is not the delimiter.
std::string DisplayName(std::string_view wire_name, char delimiter);

// Keeps what can be opened (not \Noselect, not \NonExistent), once each. Roles come from
// special-use attributes; if no folder has one, from well-known names in many languages. kProtocol
// for names with control characters, over kFolderNameBytesMax bytes, or too many of them.
class FolderCollector final {
 public:
  Status Add(const ListEntry& entry);
  std::vector<FolderInfo> Finish() &&;

 private:
  std::vector<FolderInfo> folders_;
  bool has_special_use_ = false;
};

}  // namespace mailhaul::imap
