#include "connectors/imap/folder_names.h"

#include <algorithm>
#include <array>
#include <set>
#include <unordered_set>
#include <utility>

#include "base/text.h"
#include "connectors/imap/known_names.h"
#include "connectors/imap/modified_utf7.h"

namespace mailhaul::imap {
namespace {

struct NamedRole {
  std::string_view name;
  FolderRole role;
};

constexpr std::array<NamedRole, 8> kAttributes = {{
    {"\\Sent", FolderRole::kSent},
    {"\\Drafts", FolderRole::kDrafts},
    {"\\Trash", FolderRole::kTrash},
    {"\\Junk", FolderRole::kJunk},
    {"\\Archive", FolderRole::kArchive},
    {"\\All", FolderRole::kAll},
    {"\\Flagged", FolderRole::kFlagged},
    {"\\Important", FolderRole::kImportant},
}};

bool HasAttribute(const ListEntry& entry, std::string_view name) {
  return std::any_of(entry.attributes.begin(), entry.attributes.end(),
                     [name](const std::string& own) { return EqualsIgnoreCase(own, name); });
}

FolderRole RoleFromAttributes(const ListEntry& entry) {
  for (const NamedRole& known : kAttributes) {
    if (HasAttribute(entry, known.name)) {
      return known.role;
    }
  }
  return FolderRole::kNone;
}

// One role, one folder: the first that claims it.
void DropRepeatedRoles(std::vector<FolderInfo>* folders) {
  std::set<FolderRole> taken;
  for (FolderInfo& folder : *folders) {
    if (folder.role != FolderRole::kNone && !taken.insert(folder.role).second) {
      folder.role = FolderRole::kNone;
    }
  }
}

bool HasControlCharacter(std::string_view name) {
  return std::any_of(name.begin(), name.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == '\x7F'; });
}

std::string DisplayLevel(std::string_view wire_name, bool utf8) {
  std::optional<std::string> decoded;
  if (!utf8) {
    decoded = DecodeModifiedUtf7(wire_name);
  }
  std::string name;
  if (decoded) {
    name = *decoded;
  } else if (IsValidUtf8(wire_name)) {
    name = wire_name;
  } else {
    name = EscapeForLog(wire_name, kFolderNameBytesMax);
  }
  for (size_t slash = name.find('/'); slash != std::string::npos; slash = name.find('/', slash)) {
    name.replace(slash, 1, "\\x2f");
  }
  return name;
}

bool IsForeign(const std::string& wire_name, std::span<const NamespaceEntry> namespaces) {
  return std::any_of(namespaces.begin(), namespaces.end(), [&](const NamespaceEntry& entry) {
    if (entry.kind == NamespaceKind::kPersonal || entry.prefix.empty()) {
      return false;
    }
    std::string_view root = entry.prefix;
    if (root.back() == entry.delimiter) {
      root.remove_suffix(1);
    }
    return wire_name.starts_with(entry.prefix) || wire_name == root;
  });
}

}  // namespace

std::string DisplayName(std::string_view wire_name, char delimiter, bool utf8) {
  std::string name;
  for (;;) {
    const size_t end = delimiter == '\0' ? std::string_view::npos : wire_name.find(delimiter);
    name += DisplayLevel(wire_name.substr(0, end), utf8);
    if (end == std::string_view::npos) {
      break;
    }
    name += '/';
    wire_name.remove_prefix(end + 1);
  }
  // INBOX is the one name without case (RFC 9051 section 5.1).
  if (EqualsIgnoreCase(name, "INBOX") || StartsWithIgnoreCase(name, "INBOX/")) {
    name.replace(0, 5, "INBOX");
  }
  return name;
}

Status FolderCollector::Add(const ListEntry& entry, bool utf8_names) {
  if (entry.mailbox.size() > kFolderNameBytesMax) {
    return {Code::kProtocol, "the server lists a folder with an overlong name"};
  }
  if (HasControlCharacter(entry.mailbox)) {
    return {Code::kProtocol, "the server lists a folder with control characters in its name: " +
                                 EscapeForLog(entry.mailbox)};
  }
  if (entry.mailbox.empty() || HasAttribute(entry, "\\Noselect") ||
      HasAttribute(entry, "\\NonExistent")) {
    return {};
  }
  if (folders_.size() >= kFoldersMax) {
    return {Code::kProtocol, "the server lists too many folders"};
  }
  FolderInfo folder;
  folder.name = DisplayName(entry.mailbox, entry.delimiter, utf8_names);
  folder.wire_name = entry.mailbox;
  folder.role = RoleFromAttributes(entry);
  has_special_use_ = has_special_use_ || folder.role != FolderRole::kNone;
  if (folder.name == "INBOX") {
    folder.role = FolderRole::kInbox;
  }
  folders_.push_back(std::move(folder));
  return {};
}

std::vector<FolderInfo> FolderCollector::Finish(std::span<const NamespaceEntry> namespaces) && {
  std::unordered_set<std::string> wire_names;
  std::unordered_set<std::string> names;
  std::vector<FolderInfo> unique;
  for (FolderInfo& folder : folders_) {
    if (IsForeign(folder.wire_name, namespaces)) {
      continue;
    }
    const bool inbox_again = folder.name == "INBOX" && names.count(folder.name) > 0;
    if (inbox_again || !wire_names.insert(folder.wire_name).second) {
      continue;
    }
    if (!has_special_use_ && folder.role == FolderRole::kNone) {
      folder.role = RoleFromName(folder.name);
    }
    if (!names.insert(folder.name).second) {
      // Another folder looks the same to people: show what tells them apart.
      folder.name += " [" + EscapeForLog(folder.wire_name, kFolderNameBytesMax) + "]";
      names.insert(folder.name);
    }
    unique.push_back(std::move(folder));
  }
  DropRepeatedRoles(&unique);
  return unique;
}

}  // namespace mailhaul::imap
