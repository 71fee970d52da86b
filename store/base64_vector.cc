#include "store/base64_vector.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace mailhaul::store {

#if defined(__x86_64__)
namespace {

constexpr size_t kDigits = 32;  // Of a vector,
constexpr size_t kBytes = 24;   // and what they stand for.
constexpr size_t kHalfBytes = kBytes / 2;
constexpr size_t kReadBytes = kHalfBytes + sizeof(__m128i);  // Of which the last four are not used.

const bool kHasAvx2 = __builtin_cpu_supports("avx2") != 0;

// What is added to a digit of each kind to make it a number from 0 to 63.
constexpr char kOfUpper = -'A';
constexpr char kOfLower = 26 - 'a';
constexpr char kOfFigure = 52 - '0';
constexpr char kOfPlus = 62 - '+';
constexpr char kOfSlash = 63 - '/';

[[gnu::target("avx2")]] __m256i Bytes(int value) {
  return _mm256_set1_epi8(static_cast<char>(value));
}

// All ones in the places that hold a character from `first` to `last`.
[[gnu::target("avx2")]] __m256i IsBetween(__m256i text, char first, char last) {
  const __m256i above = _mm256_sub_epi8(text, Bytes(first));
  return _mm256_cmpeq_epi8(_mm256_min_epu8(above, Bytes(last - first)), above);
}

[[gnu::target("avx2")]] bool DecodeVector(const char* text, char* out) {
  const __m256i digits = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(text));
  const __m256i upper = IsBetween(digits, 'A', 'Z');
  const __m256i lower = IsBetween(digits, 'a', 'z');
  const __m256i figure = IsBetween(digits, '0', '9');
  const __m256i plus = _mm256_cmpeq_epi8(digits, Bytes('+'));
  const __m256i slash = _mm256_cmpeq_epi8(digits, Bytes('/'));
  const __m256i any = _mm256_or_si256(_mm256_or_si256(_mm256_or_si256(upper, lower), figure),
                                      _mm256_or_si256(plus, slash));
  if (_mm256_movemask_epi8(any) != -1) {
    return false;
  }
  __m256i offset = _mm256_and_si256(upper, Bytes(kOfUpper));
  offset = _mm256_or_si256(offset, _mm256_and_si256(lower, Bytes(kOfLower)));
  offset = _mm256_or_si256(offset, _mm256_and_si256(figure, Bytes(kOfFigure)));
  offset = _mm256_or_si256(offset, _mm256_and_si256(plus, Bytes(kOfPlus)));
  offset = _mm256_or_si256(offset, _mm256_and_si256(slash, Bytes(kOfSlash)));
  const __m256i values = _mm256_add_epi8(digits, offset);
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

[[gnu::target("avx2")]] void EncodeVector(const char* bytes, char* out) {
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

}  // namespace

size_t DecodeVectors(const char* text, size_t size, char* out) {
  size_t at = 0;
  if (kHasAvx2) {
    for (; size - at >= kDigits && DecodeVector(text + at, out); at += kDigits, out += kBytes) {
    }
  }
  return at;
}

size_t EncodeVectors(const char* bytes, size_t size, char* out) {
  size_t at = 0;
  if (kHasAvx2) {
    for (; size - at >= kReadBytes; at += kBytes, out += kDigits) {
      EncodeVector(bytes + at, out);
    }
  }
  return at;
}

#else

size_t DecodeVectors(const char* /*text*/, size_t /*size*/, char* /*out*/) { return 0; }
size_t EncodeVectors(const char* /*bytes*/, size_t /*size*/, char* /*out*/) { return 0; }

#endif

}  // namespace mailhaul::store
