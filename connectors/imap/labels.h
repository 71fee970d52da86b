// What the labels of Gmail (X-GM-LABELS) say of a message.
// https://developers.google.com/workspace/gmail/imap/imap-extensions
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace mailhaul::imap {

struct Labels {
  // In UTF-8; the system's as the role of their folder: "inbox", "sent", "important". One that is
  // not known stays as it is, with its backslash.
  std::vector<std::string> names;
  uint8_t flags = 0;  // \Starred and \Draft are flags, and nothing else.
};

// On the wire labels are modified UTF-7, or UTF-8 where that is enabled. At most kLabelBytesMax
// bytes each.
Labels ReadLabels(const std::vector<std::string>& wire);

}  // namespace mailhaul::imap
