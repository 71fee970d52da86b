#include "connectors/imap/capabilities.h"

#include <algorithm>
#include <array>
#include <utility>

namespace mailhaul::imap {
namespace {

constexpr std::array<const char*, 13> kIncludedInRev2 = {
    "BINARY",    "ENABLE",  "ESEARCH", "IDLE",        "LIST-EXTENDED", "LIST-STATUS", "LITERAL-",
    "NAMESPACE", "SASL-IR", "UIDPLUS", "SPECIAL-USE", "STATUS=SIZE",   "UNSELECT"};

}  // namespace

Capabilities::Capabilities(std::vector<std::string> names) : names_(std::move(names)) {
  if (std::find(names_.begin(), names_.end(), "IMAP4REV2") != names_.end()) {
    names_.insert(names_.end(), kIncludedInRev2.begin(), kIncludedInRev2.end());
  }
  std::sort(names_.begin(), names_.end());
  names_.erase(std::unique(names_.begin(), names_.end()), names_.end());
}

void Capabilities::Remove(std::span<const std::string> broken) {
  std::erase_if(names_, [broken](const std::string& name) {
    return std::find(broken.begin(), broken.end(), name) != broken.end();
  });
}

bool Capabilities::Has(std::string_view name) const {
  const auto it = std::lower_bound(names_.begin(), names_.end(), name);
  return it != names_.end() && *it == name;
}

LiteralSupport Capabilities::literals() const {
  if (Has("LITERAL+")) {
    return LiteralSupport::kPlus;
  }
  return Has("LITERAL-") ? LiteralSupport::kMinus : LiteralSupport::kSynchronizing;
}

}  // namespace mailhaul::imap
