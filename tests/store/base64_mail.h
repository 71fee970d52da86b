// Bytes with base64 in them, as mail has it, and as broken programs write it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/base64.h"
#include "base/random.h"

namespace mailhaul::store {

inline std::string NoiseOf(size_t size, uint64_t seed) {
  std::string noise(size, '\0');
  SeededRandom random(seed);
  random.Fill({reinterpret_cast<unsigned char*>(noise.data()), noise.size()});
  return noise;
}

// In base64, without a line end behind the last line.
inline std::string Lines(std::string_view raw, size_t length, bool crlf) {
  const std::string digits = Base64Encode(raw);
  std::string lines;
  for (size_t at = 0; at < digits.size(); at += length) {
    lines += lines.empty() ? "" : crlf ? "\r\n" : "\n";
    lines += digits.substr(at, length);
  }
  return lines;
}

// Words, base64 of noise or text in lines of all kinds, and a little damage to some of it.
inline std::string MixOf(SeededRandom& random) {
  constexpr std::string_view kBetween[] = {
      "\r\n", "\n", "\r", " ", "=", "==", "\r\n--x\r\n", "\t", "-_+", "A", "", "\r\n\r\n"};
  std::string mix;
  for (uint64_t parts = 1 + random.Below(5); parts > 0; --parts) {
    if (random.Below(3) == 0) {
      for (uint64_t words = random.Below(60); words > 0; --words) {
        mix += std::string(1 + random.Below(9), static_cast<char>('a' + random.Below(26))) + " ";
      }
    } else {
      const auto size = static_cast<size_t>(random.Below(3000));
      const std::string raw =
          random.Below(2) == 0 ? NoiseOf(size, random.Below(1000)) : std::string(size, 'x');
      const size_t length =
          random.Below(4) == 0 ? 1 + random.Below(2000) : 76 - 4 * random.Below(5);
      mix += Lines(raw, length, random.Below(2) == 0);
    }
    mix += kBetween[random.Below(std::size(kBetween))];
  }
  for (uint64_t damages = random.Below(4); damages > 0 && !mix.empty(); --damages) {
    const auto at = static_cast<size_t>(random.Below(mix.size()));
    const std::string_view other = kBetween[random.Below(std::size(kBetween))];
    mix.replace(at, random.Below(3), other);
  }
  return mix.substr(static_cast<size_t>(random.Below(mix.size() / 2 + 1)));
}

}  // namespace mailhaul::store
