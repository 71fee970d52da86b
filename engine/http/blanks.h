// The optional white space of field values (RFC 9110, 5.6.3).
#pragma once

#include <algorithm>
#include <string_view>

namespace mailhaul::http {

// `text` without spaces and tabs at both ends.
inline std::string_view TrimBlanks(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
  return text.substr(0, text.find_last_not_of(" \t") + 1);
}

}  // namespace mailhaul::http
