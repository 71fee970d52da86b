#include "connectors/imap/capabilities.h"

#include <algorithm>
#include <utility>

namespace mailhaul::imap {

Capabilities::Capabilities(std::vector<std::string> names) : names_(std::move(names)) {
  std::sort(names_.begin(), names_.end());
}

bool Capabilities::Has(std::string_view name) const {
  const auto it = std::lower_bound(names_.begin(), names_.end(), name);
  return it != names_.end() && *it == name;
}

LiteralSupport Capabilities::literals() const {
  if (Has("LITERAL+")) {
    return LiteralSupport::kPlus;
  }
  // RFC 9051 includes LITERAL-.
  return Has("LITERAL-") || Has("IMAP4REV2") ? LiteralSupport::kMinus
                                             : LiteralSupport::kSynchronizing;
}

}  // namespace mailhaul::imap
