#pragma once

#include <string>
#include <string_view>

namespace mailhaul::mime {

// `text` with each run of neighbouring base64 encoded words (RFC 2047, 2) of one charset made one
// word: the octets of all, which may split a character among them, in one payload. GMime takes the
// payloads of neighbours for one and stops at the first padding, which mailers put at the end of
// every word. Everything else stays as it is. At most twice as long as `text`.
std::string JoinBase64Words(std::string_view text);

}  // namespace mailhaul::mime
