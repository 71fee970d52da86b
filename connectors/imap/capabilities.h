// What the server says it can do.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "connectors/imap/command_encoder.h"

namespace mailhaul::imap {

class Capabilities final {
 public:
  Capabilities() = default;  // Not known yet.
  // What IMAP4rev2 includes (RFC 9051 appendix E) is added to it.
  explicit Capabilities(std::vector<std::string> names);

  bool known() const { return !names_.empty(); }
  bool Has(std::string_view name) const;  // Upper case. Always false while not known.
  LiteralSupport literals() const;
  // Folder names are UTF-8 from the start: a server that is no IMAP4rev1.
  bool utf8_names() const { return Has("IMAP4REV2") && !Has("IMAP4REV1"); }
  bool modseqs() const { return Has("CONDSTORE") || Has("QRESYNC"); }
  // Gmail: folders are labels of the messages in one of them.
  bool labels() const { return Has("X-GM-EXT-1"); }
  // Extensions that are offered but do not work here: upper-case names.
  void Remove(std::span<const std::string> broken);
  const std::vector<std::string>& names() const { return names_; }  // Sorted.

 private:
  std::vector<std::string> names_;  // Sorted.
};

}  // namespace mailhaul::imap
