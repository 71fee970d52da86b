// Small text helpers without locale.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace mailhaul {

char AsciiLower(char c);
std::string AsciiLowered(std::string_view text);
bool EqualsIgnoreCase(std::string_view a, std::string_view b);
bool StartsWithIgnoreCase(std::string_view text, std::string_view prefix);

// Text from outside made safe for one log line or message: at most `bytes_max` bytes, control
// characters, backslash and non-ASCII bytes as \xNN.
std::string EscapeForLog(std::string_view text, size_t bytes_max = 200);

bool IsValidUtf8(std::string_view text);
// Every malformed sequence becomes U+FFFD.
std::string ToValidUtf8(std::string_view text);
// The longest prefix of at most `bytes_max` bytes that does not cut a UTF-8 sequence.
std::string_view Utf8Prefix(std::string_view text, size_t bytes_max);

std::string HexEncode(std::string_view bytes);
std::optional<std::string> HexDecode(std::string_view hex);

// Of a few known words, the one nearest to `word` by edit distance if it is near enough to be a
// typing error; else empty. For "did you mean".
template <typename Range>
std::string_view NearestWord(std::string_view word, const Range& known);
size_t EditDistance(std::string_view a, std::string_view b);

template <typename Range>
std::string_view NearestWord(std::string_view word, const Range& known) {
  std::string_view best;
  size_t best_distance = word.size() / 3 + 2;
  for (const std::string_view candidate : known) {
    const size_t distance = EditDistance(word, candidate);
    if (distance < best_distance) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best;
}

}  // namespace mailhaul
