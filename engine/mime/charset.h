// Any charset that mail uses to UTF-8. Never fails: what cannot be read becomes U+FFFD.
#pragma once

#include <string>
#include <string_view>

namespace mailhaul::mime {

// `charset` is a name from a message. Unknown, absent or "us-ascii" with 8-bit bytes: UTF-8 when
// the bytes are valid UTF-8, else windows-1252, which nearly all such mail is. NUL becomes U+FFFD.
// An incomplete character at the end of `bytes` is dropped when `is_cut`.
std::string ToUtf8(std::string_view bytes, std::string_view charset, bool is_cut);

// For one header value: raw bytes, with or without escapes of ISO-2022-JP, to UTF-8.
std::string HeaderToUtf8(std::string_view bytes, std::string_view hint);

}  // namespace mailhaul::mime
