#include "store/base64_vector.h"

#include "store/base64_avx512.h"

#if defined(__x86_64__)
#include <immintrin.h>

#include <bit>
#include <cstdint>
#endif

namespace mailhaul::store {

#if defined(__x86_64__)
namespace {

// Whatever calls what is compiled for AVX2 in a loop is so compiled, too: then it is not called,
// and what a vector needs is loaded once.
constexpr size_t kDigits = 32;  // Of a vector,
constexpr size_t kBytes = 24;   // and what they stand for.
constexpr size_t kHalfBytes = kBytes / 2;
constexpr size_t kReadBytes = kHalfBytes + sizeof(__m128i);  // Of which the last four are not used.

const bool kHasAvx2 = __builtin_cpu_supports("avx2") != 0;

[[gnu::target("avx2")]] inline __m256i Bytes(int value) {
  return _mm256_set1_epi8(static_cast<char>(value));
}

// By half a byte: the same 16 values for both halves of a vector.
[[gnu::target("avx2")]] inline __m256i Table(__m128i values) {
  return _mm256_broadcastsi128_si256(values);
}

[[gnu::target("avx2")]] inline __m256i UpperHalves(__m256i text) {
  return _mm256_and_si256(_mm256_srli_epi32(text, 4), Bytes(0x0F));
}

// A bit for each place that holds no digit. The table for the upper half of a character has one
// bit, the one for the lower half the bits of all upper halves with which it is a digit. (A
// character from 0x80 on finds zero in the latter.)
[[gnu::target("avx2")]] inline uint32_t NoDigits(__m256i text, __m256i upper) {
  constexpr char kTwo = 1;    // + /
  constexpr char kThree = 2;  // 0 to 9
  constexpr char kFour = 4;   // A to O, a to o
  constexpr char kFive = 8;   // P to Z, p to z
  constexpr char kLetter = kFour | kFive;
  constexpr char kAny = kThree | kLetter;
  const __m256i of_upper =
      Table(_mm_setr_epi8(0, 0, kTwo, kThree, kFour, kFive, kFour, kFive, 0, 0, 0, 0, 0, 0, 0, 0));
  const __m256i of_lower =
      Table(_mm_setr_epi8(kThree | kFive, kAny, kAny, kAny, kAny, kAny, kAny, kAny, kAny, kAny,
                          kLetter, kFour | kTwo, kFour, kFour, kFour, kFour | kTwo));
  const __m256i both =
      _mm256_and_si256(_mm256_shuffle_epi8(of_upper, upper), _mm256_shuffle_epi8(of_lower, text));
  return static_cast<uint32_t>(
      _mm256_movemask_epi8(_mm256_cmpeq_epi8(both, _mm256_setzero_si256())));
}

[[gnu::target("avx2")]] inline __m256i Load(const char* text) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(text));
}

// What is added to a digit of each kind to make it a number from 0 to 63.
constexpr char kOfUpper = -'A';
constexpr char kOfLower = 26 - 'a';
constexpr char kOfFigure = 52 - '0';
constexpr char kOfPlus = 62 - '+';
constexpr char kOfSlash = 63 - '/';

[[gnu::target("avx2")]] inline bool DecodeVector(const char* text, char* out) {
  const __m256i digits = Load(text);
  const __m256i upper = UpperHalves(digits);
  if (NoDigits(digits, upper) != 0) {
    return false;
  }
  const __m256i of_kind = Table(_mm_setr_epi8(0, 0, kOfPlus, kOfFigure, kOfUpper, kOfUpper,
                                              kOfLower, kOfLower, 0, 0, 0, 0, 0, 0, 0, 0));
  const __m256i slash =
      _mm256_and_si256(_mm256_cmpeq_epi8(digits, Bytes('/')), Bytes(kOfSlash - kOfPlus));
  const __m256i values =
      _mm256_add_epi8(_mm256_add_epi8(digits, slash), _mm256_shuffle_epi8(of_kind, upper));
  // Twelve bits of each two, then 24 of each four, in the lower bytes of 32.
  const __m256i pairs = _mm256_maddubs_epi16(values, _mm256_set1_epi16(0x0140));
  const __m256i quads = _mm256_madd_epi16(pairs, _mm256_set1_epi32(0x00011000));
  const __m256i order = _mm256_setr_epi8(2, 1, 0, 6, 5, 4, 10, 9, 8, 14, 13, 12, -1, -1, -1, -1, 2,
                                         1, 0, 6, 5, 4, 10, 9, 8, 14, 13, 12, -1, -1, -1, -1);
  const __m256i halves = _mm256_shuffle_epi8(quads, order);
  const __m256i bytes =
      _mm256_permutevar8x32_epi32(halves, _mm256_setr_epi32(0, 1, 2, 4, 5, 6, 3, 7));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(out), _mm256_castsi256_si128(bytes));
  _mm_storel_epi64(reinterpret_cast<__m128i*>(out + sizeof(__m128i)),
                   _mm256_extracti128_si256(bytes, 1));
  return true;
}

[[gnu::target("avx2")]] inline void EncodeVector(const char* bytes, char* out) {
  const __m128i first = _mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes));
  const __m128i second = _mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes + kHalfBytes));
  const __m256i order = _mm256_setr_epi8(2, 1, 0, -1, 5, 4, 3, -1, 8, 7, 6, -1, 11, 10, 9, -1, 2, 1,
                                         0, -1, 5, 4, 3, -1, 8, 7, 6, -1, 11, 10, 9, -1);
  // 24 bits in the lower bytes of each 32, then six in each byte, the highest in the first.
  const __m256i triples = _mm256_shuffle_epi8(_mm256_set_m128i(second, first), order);
  const __m256i low = _mm256_or_si256(
      _mm256_srli_epi32(triples, 18),
      _mm256_and_si256(_mm256_srli_epi32(triples, 4), _mm256_set1_epi32(0x00003F00)));
  const __m256i high = _mm256_or_si256(
      _mm256_and_si256(_mm256_slli_epi32(triples, 10), _mm256_set1_epi32(0x003F0000)),
      _mm256_and_si256(_mm256_slli_epi32(triples, 24), _mm256_set1_epi32(0x3F000000)));
  const __m256i values = _mm256_or_si256(low, high);
  const auto step = [values](int above, int by) __attribute__((target("avx2"))) {
    return _mm256_and_si256(_mm256_cmpgt_epi8(values, Bytes(above)), Bytes(by));
  };
  __m256i digits = _mm256_add_epi8(values, Bytes(-kOfUpper));
  digits = _mm256_add_epi8(digits, step(25, kOfUpper - kOfLower));
  digits = _mm256_add_epi8(digits, step(51, kOfLower - kOfFigure));
  digits = _mm256_add_epi8(digits, step(61, kOfFigure - kOfPlus));
  digits = _mm256_add_epi8(digits, step(62, kOfPlus - kOfSlash));
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(out), digits);
}

[[gnu::target("avx2")]] size_t SkipAvx2(const char* text, size_t size, size_t at) {
  while (size - at >= kStretchMin) {
    const __m256i characters = Load(text + at);
    const uint32_t others = NoDigits(characters, UpperHalves(characters));
    if (others == 0) {
      return at;
    }
    at += static_cast<size_t>(std::bit_width(others));
  }
  return at;
}

[[gnu::target("avx2")]] size_t DecodeAvx2(const char* text, size_t size, char* out) {
  size_t at = 0;
  for (; size - at >= kDigits && DecodeVector(text + at, out); at += kDigits, out += kBytes) {
  }
  return at;
}

// The last vector of a line ends where the line does, over digits of the one before.
[[gnu::target("avx2")]] bool DecodeLineAvx2(const char* text, size_t line, char* out) {
  size_t at = 0;
  for (; line - at >= kDigits; at += kDigits) {
    if (!DecodeVector(text + at, out + at / 4 * 3)) {
      return false;
    }
  }
  return at == line || DecodeVector(text + line - kDigits, out + (line - kDigits) / 4 * 3);
}

[[gnu::target("avx2")]] size_t DecodeLongLines(const char* text, size_t size, size_t line,
                                               bool crlf, char* out) {
  const size_t step = line + (crlf ? 2 : 1);
  size_t lines = 0;
  for (; size >= step; size -= step, text += step, out += line / 4 * 3, ++lines) {
    const bool ends = crlf ? text[line] == '\r' && text[line + 1] == '\n' : text[line] == '\n';
    if (!ends || !DecodeLineAvx2(text, line, out)) {
      break;
    }
  }
  return lines;
}

[[gnu::target("avx2")]] size_t EncodeAvx2(const char* bytes, size_t size, char* out) {
  size_t at = 0;
  for (; size - at >= kReadBytes; at += kBytes, out += kDigits) {
    EncodeVector(bytes + at, out);
  }
  return at;
}

}  // namespace

size_t SkipNoStretch(const char* text, size_t size, size_t at) {
  return kHasAvx2 ? SkipAvx2(text, size, at) : at;
}

size_t DecodeVectors(const char* text, size_t size, char* out) {
  return kHasAvx2 ? DecodeAvx2(text, size, out) : 0;
}

size_t DecodeLinesAvx2(const char* text, size_t size, size_t line, bool crlf, char* out) {
  return kHasAvx2 && line >= kDigits ? DecodeLongLines(text, size, line, crlf, out) : 0;
}

size_t DecodeLines(const char* text, size_t size, size_t line, bool crlf, char* out) {
  return HasAvx512Vbmi() && line >= kDigits ? DecodeLinesAvx512(text, size, line, crlf, out)
                                            : DecodeLinesAvx2(text, size, line, crlf, out);
}

size_t EncodeVectors(const char* bytes, size_t size, char* out) {
  return kHasAvx2 ? EncodeAvx2(bytes, size, out) : 0;
}

#else

size_t SkipNoStretch(const char* /*text*/, size_t /*size*/, size_t at) { return at; }
size_t DecodeVectors(const char* /*text*/, size_t /*size*/, char* /*out*/) { return 0; }
size_t DecodeLinesAvx2(const char* /*text*/, size_t /*size*/, size_t /*line*/, bool /*crlf*/,
                       char* /*out*/) {
  return 0;
}
size_t DecodeLines(const char* /*text*/, size_t /*size*/, size_t /*line*/, bool /*crlf*/,
                   char* /*out*/) {
  return 0;
}
size_t EncodeVectors(const char* /*bytes*/, size_t /*size*/, char* /*out*/) { return 0; }

#endif

}  // namespace mailhaul::store
