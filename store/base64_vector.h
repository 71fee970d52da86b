// Base64 (RFC 4648, 4) many digits at a time, with what the processor has for it. Private to
// base64_lines.cc.
#pragma once

#include <cstddef>

namespace mailhaul::store {

// Decodes the digits that `text` begins with, in whole vectors, to `out`, which has room for three
// bytes of each four of `size`. Returns how many characters that were, a multiple of 4, which may
// be none although there are digits.
size_t DecodeVectors(const char* text, size_t size, char* out);
// Encodes the first of these bytes to `out`, which has room for four digits of each three of
// `size`. Returns how many bytes that were, a multiple of 3, perhaps none.
size_t EncodeVectors(const char* bytes, size_t size, char* out);

}  // namespace mailhaul::store
