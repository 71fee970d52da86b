#include "connectors/connector.h"

namespace mailhaul {

std::string_view ToString(FolderRole role) {
  switch (role) {
    case FolderRole::kNone:
      return "";
    case FolderRole::kInbox:
      return "inbox";
    case FolderRole::kSent:
      return "sent";
    case FolderRole::kDrafts:
      return "drafts";
    case FolderRole::kTrash:
      return "trash";
    case FolderRole::kJunk:
      return "junk";
    case FolderRole::kArchive:
      return "archive";
    case FolderRole::kAll:
      return "all";
    case FolderRole::kFlagged:
      return "flagged";
    case FolderRole::kImportant:
      return "important";
  }
  return "";
}

}  // namespace mailhaul
