// Base64 (RFC 4648, 4) many digits at a time, with what the processor has for it. Private to
// base64_*.cc.
#pragma once

#include <cstddef>
#include <string_view>

namespace mailhaul::store {

inline constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

// Digits in a row that are looked at: words are shorter, lines of base64 longer.
inline constexpr size_t kStretchMin = 32;
// The beginning of the next kStretchMin digits at or behind `at`, or a place on the way there.
size_t SkipNoStretch(const char* text, size_t size, size_t at);
// Decodes the digits that `text` begins with, in whole vectors, to `out`, which has room for three
// bytes of each four of `size`. Returns how many characters that were, a multiple of 4, which may
// be none although there are digits.
size_t DecodeVectors(const char* text, size_t size, char* out);
// Decodes the lines that `text` begins with, each of `line` digits, a multiple of 4, and a line end
// behind them, CRLF or LF, to `out`, which has room for their bytes. Returns how many lines that
// were, perhaps fewer than there are.
size_t DecodeLines(const char* text, size_t size, size_t line, bool crlf, char* out);
// The same without regard to AVX-512.
size_t DecodeLinesAvx2(const char* text, size_t size, size_t line, bool crlf, char* out);
// Encodes the first of these bytes to `out`, which has room for four digits of each three of
// `size`. Returns how many bytes that were, a multiple of 3, perhaps none.
size_t EncodeVectors(const char* bytes, size_t size, char* out);

}  // namespace mailhaul::store
