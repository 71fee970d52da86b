// What folders with a role are called where SPECIAL-USE (RFC 6154) is missing.
#pragma once

#include <string_view>

#include "connectors/connector.h"

namespace mailhaul::imap {

// The role of a folder with this name (as shown to people), in some forty languages; kNone when it
// is not a well-known name. Folders below INBOX count as if they were beside it.
FolderRole RoleFromName(std::string_view name);

}  // namespace mailhaul::imap
