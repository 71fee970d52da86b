// base64url without padding (RFC 4648 section 5), for what stands in URLs.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace mailhaul::http {

std::string Base64UrlEncode(std::string_view bytes);
// Only what Base64UrlEncode() could have written: other characters, padding and stray bits are
// refused, so that each value has one spelling.
std::optional<std::string> Base64UrlDecode(std::string_view text);

}  // namespace mailhaul::http
