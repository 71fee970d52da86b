#include "connectors/imap/labels.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>
#include <utility>

#include "base/text.h"
#include "connectors/connector.h"
#include "connectors/imap/limits.h"
#include "connectors/imap/modified_utf7.h"

namespace mailhaul::imap {
namespace {

struct SystemLabel {
  std::string_view name;
  FolderRole role;
  uint8_t flag;  // 0: it is a label.
};

constexpr std::array<SystemLabel, 6> kSystemLabels = {{
    {"\\Inbox", FolderRole::kInbox, 0},
    {"\\Sent", FolderRole::kSent, 0},
    {"\\Important", FolderRole::kImportant, 0},
    {"\\Starred", FolderRole::kFlagged, kFlagFlagged},
    {"\\Draft", FolderRole::kDrafts, kFlagDraft},
    {"\\Drafts", FolderRole::kDrafts, kFlagDraft},
}};

std::string LabelText(const std::string& wire) {
  std::optional<std::string> decoded = DecodeModifiedUtf7(wire);
  if (decoded && decoded->size() <= kLabelBytesMax) {
    return *std::move(decoded);
  }
  return IsValidUtf8(wire) ? wire : EscapeForLog(wire, kLabelBytesMax);
}

}  // namespace

Labels ReadLabels(const std::vector<std::string>& wire) {
  Labels labels;
  for (const std::string& label : wire) {
    const auto* const known = std::find_if(
        kSystemLabels.begin(), kSystemLabels.end(),
        [&label](const SystemLabel& each) { return EqualsIgnoreCase(each.name, label); });
    if (known == kSystemLabels.end()) {
      labels.names.push_back(LabelText(label));
    } else if (known->flag != 0) {
      labels.flags |= known->flag;
    } else {
      labels.names.emplace_back(ToString(known->role));
    }
  }
  return labels;
}

}  // namespace mailhaul::imap
