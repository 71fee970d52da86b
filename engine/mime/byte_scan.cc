#include "engine/mime/byte_scan.h"

#include <algorithm>
#include <cstdint>

// Loops over every byte of mail: compiled twice, for what the processor has. Not where sanitizers
// run, whose own code is not ready yet when the choice is made.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define MAILHAUL_VECTOR_CLONES __attribute__((target_clones("avx2", "default")))
#else
#define MAILHAUL_VECTOR_CLONES
#endif

namespace mailhaul::mime {
namespace {

// Large, since what its bytes came to is put together once for each; those in which something was
// found are gone through in small ones.
constexpr size_t kLargeBlock = 256;
constexpr size_t kSmallBlock = 64;
// A byte counts what is found in one.
constexpr size_t kDigitBlock = 192;

// Whether one of text[0 .. kBlock) is a '-' at the start of a line. Reads text[-1] too.
template <size_t kBlock>
bool BlockHasDashLine(const char* text) {
  unsigned char any = 0;
  for (size_t i = 0; i < kBlock; ++i) {
    const auto before = static_cast<unsigned char>((text + i)[-1] == '\n');
    const auto dash = static_cast<unsigned char>(text[i] == '-');
    any = static_cast<unsigned char>(any | (before & dash));
  }
  return any != 0;
}

bool MayStartBoundary(std::string_view text, size_t i) {
  return i == text.size() || (text[i] == '-' && (i + 1 == text.size() || text[i + 1] == '-'));
}

}  // namespace

MAILHAUL_VECTOR_CLONES size_t FindDashLine(std::string_view text) {
  size_t i = 1;
  while (i <= text.size()) {
    if (i + kLargeBlock <= text.size() && !BlockHasDashLine<kLargeBlock>(text.data() + i)) {
      i += kLargeBlock;
      continue;
    }
    if (i + kSmallBlock <= text.size() && !BlockHasDashLine<kSmallBlock>(text.data() + i)) {
      i += kSmallBlock;
      continue;
    }
    const size_t end = std::min(i + kSmallBlock, text.size() + 1);
    for (; i < end; ++i) {
      if (text[i - 1] == '\n' && MayStartBoundary(text, i)) {
        return i;
      }
    }
  }
  return std::string_view::npos;
}

MAILHAUL_VECTOR_CLONES size_t CountBase64Digits(std::string_view text) {
  size_t total = 0;
  while (text.size() >= kDigitBlock) {
    uint8_t count = 0;
    for (size_t i = 0; i < kDigitBlock; ++i) {
      const auto graphic = static_cast<uint8_t>(text[i] > ' ');
      const auto not_padding = static_cast<uint8_t>(text[i] != '=');
      count = static_cast<uint8_t>(count + (graphic & not_padding));
    }
    total += count;
    text.remove_prefix(kDigitBlock);
  }
  for (const char c : text) {
    total += c > ' ' && c != '=' ? 1 : 0;
  }
  return total;
}

}  // namespace mailhaul::mime
