#include "store/base64_avx512.h"

#if defined(__x86_64__)
#include <immintrin.h>

#include <array>
#include <cstdint>

#include "store/base64_vector.h"
#endif

namespace mailhaul::store {

#if defined(__x86_64__)
namespace {

constexpr size_t kDigits = 64;  // Of a vector,
constexpr size_t kBytes = 48;   // and what they stand for.
constexpr char kNoDigit = static_cast<char>(0x80);

// What each character below 0x80 stands for.
constexpr std::array<char, 128> MakeValues() {
  std::array<char, 128> values{};
  values.fill(kNoDigit);
  for (size_t i = 0; i < kAlphabet.size(); ++i) {
    values[static_cast<size_t>(kAlphabet[i])] = static_cast<char>(i);
  }
  return values;
}

// Of 32 bits each, whose lower 24 are three bytes, the highest first.
constexpr std::array<char, kDigits> MakeOrder() {
  std::array<char, kDigits> order{};
  for (size_t i = 0; i < kBytes; ++i) {
    order[i] = static_cast<char>(i / 3 * 4 + 2 - i % 3);
  }
  return order;
}

alignas(kDigits) constexpr std::array<char, 128> kValues = MakeValues();
alignas(kDigits) constexpr std::array<char, kDigits> kOrder = MakeOrder();

[[gnu::target("avx512bw,avx512vbmi")]] inline uint64_t FirstBits(size_t count) {
  return count == kDigits ? UINT64_MAX : (uint64_t{1} << count) - 1;
}

// Of the first `count` characters, a multiple of 4; what lies behind them is not touched.
[[gnu::target("avx512bw,avx512vbmi")]] inline bool DecodeVector(const char* text, size_t count,
                                                                char* out) {
  const uint64_t wanted = FirstBits(count);
  const __m512i digits = _mm512_maskz_loadu_epi8(wanted, text);
  const __m512i values = _mm512_permutex2var_epi8(_mm512_load_si512(kValues.data()), digits,
                                                  _mm512_load_si512(kValues.data() + kDigits));
  // The table is looked up by seven bits: a character's eighth tells that it is none of it.
  if ((_mm512_movepi8_mask(_mm512_or_si512(values, digits)) & wanted) != 0) {
    return false;
  }
  // Twelve bits of each two, then 24 of each four, in the lower bytes of 32.
  const __m512i pairs = _mm512_maddubs_epi16(values, _mm512_set1_epi16(0x0140));
  const __m512i quads = _mm512_madd_epi16(pairs, _mm512_set1_epi32(0x00011000));
  const __m512i bytes = _mm512_permutexvar_epi8(_mm512_load_si512(kOrder.data()), quads);
  _mm512_mask_storeu_epi8(out, FirstBits(count / 4 * 3), bytes);
  return true;
}

[[gnu::target("avx512bw,avx512vbmi")]] inline bool DecodeLine(const char* text, size_t line,
                                                              char* out) {
  for (; line >= kDigits; line -= kDigits, text += kDigits, out += kBytes) {
    if (!DecodeVector(text, kDigits, out)) {
      return false;
    }
  }
  return line == 0 || DecodeVector(text, line, out);
}

}  // namespace

bool HasAvx512Vbmi() {
  static const bool has =
      __builtin_cpu_supports("avx512bw") != 0 && __builtin_cpu_supports("avx512vbmi") != 0;
  return has;
}

[[gnu::target("avx512bw,avx512vbmi")]] size_t DecodeLinesAvx512(const char* text, size_t size,
                                                                size_t line, bool crlf, char* out) {
  const size_t step = line + (crlf ? 2 : 1);
  size_t lines = 0;
  for (; size >= step; size -= step, text += step, out += line / 4 * 3, ++lines) {
    const bool ends = crlf ? text[line] == '\r' && text[line + 1] == '\n' : text[line] == '\n';
    if (!ends || !DecodeLine(text, line, out)) {
      break;
    }
  }
  return lines;
}

#else

bool HasAvx512Vbmi() { return false; }
size_t DecodeLinesAvx512(const char* /*text*/, size_t /*size*/, size_t /*line*/, bool /*crlf*/,
                         char* /*out*/) {
  return 0;
}

#endif

}  // namespace mailhaul::store
