// Base64 (RFC 4648 section 4), padded, without line breaks.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace mailhaul {

std::string Base64Encode(std::string_view bytes);
// Only what Base64Encode() could have written: other characters, white space, missing padding and
// stray bits are refused.
std::optional<std::string> Base64Decode(std::string_view text);

}  // namespace mailhaul
