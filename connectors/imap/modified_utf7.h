// Folder names on the wire: modified UTF-7 (RFC 3501 section 5.1.3).
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace mailhaul::imap {

// To UTF-8. Strict: nothing when the name is not exactly what an encoder produces (bad base64,
// stray bits, lone surrogates, printable ASCII or control characters in base64, adjacent shifts),
// so that two different names can never decode to the same one.
std::optional<std::string> DecodeModifiedUtf7(std::string_view wire);

// From UTF-8, which must be valid; nothing otherwise.
std::optional<std::string> EncodeModifiedUtf7(std::string_view utf8);

}  // namespace mailhaul::imap
