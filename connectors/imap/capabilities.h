// What the server says it can do.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "connectors/imap/command_encoder.h"

namespace mailhaul::imap {

class Capabilities final {
 public:
  Capabilities() = default;  // Not known yet.
  explicit Capabilities(std::vector<std::string> names);

  bool known() const { return !names_.empty(); }
  bool Has(std::string_view name) const;  // Upper case. Always false while not known.
  LiteralSupport literals() const;

 private:
  std::vector<std::string> names_;  // Sorted.
};

}  // namespace mailhaul::imap
