// From LIST responses to folders as users see them: names in UTF-8 with "/", and roles.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "connectors/imap/limits.h"
#include "connectors/imap/response.h"

namespace mailhaul::imap {

// The name to show. A name that is no modified UTF-7 is taken as UTF-8 if it is that, else its odd
// bytes are shown as \xNN; so is a "/" inside a name where "/" is not the delimiter.
// With `utf8`, names are UTF-8 on the wire (RFC 6855), and "&" is nothing special.
std::string DisplayName(std::string_view wire_name, char delimiter, bool utf8 = false);

// Keeps what can be opened (not \Noselect, not \NonExistent), once each. Roles come from
// special-use attributes; if no folder has one, from well-known names in many languages. kProtocol
// for names with control characters, over kFolderNameBytesMax bytes, or too many of them.
class FolderCollector final {
 public:
  Status Add(const ListEntry& entry, bool utf8_names = false);
  // Folders of other users and shared ones (RFC 2342) are left out.
  std::vector<FolderInfo> Finish(std::span<const NamespaceEntry> namespaces = {}) &&;

 private:
  std::vector<FolderInfo> folders_;
  bool has_special_use_ = false;
};

}  // namespace mailhaul::imap
