#include "base/ids.h"

#include <charconv>

namespace mailhaul {

std::string FormatId(uint64_t value) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text(16, '0');
  for (int i = 15; i >= 0; --i) {
    text[static_cast<size_t>(i)] = kDigits[value & 15];
    value >>= 4;
  }
  return text;
}

Result<uint64_t> ParseId(std::string_view text) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (text.size() != 16 || error != std::errc() || end != text.data() + text.size()) {
    return Status(Code::kNotFound, "not an id: ids are 16 hexadecimal digits");
  }
  return value;
}

}  // namespace mailhaul
