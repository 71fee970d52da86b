#include "store/base64_vector.h"

#include <gtest/gtest.h>

#include <cctype>
#include <string>
#include <string_view>

#include "base/base64.h"
#include "base/random.h"
#include "tests/store/base64_mail.h"

namespace mailhaul::store {
namespace {

constexpr size_t kVectorDigits = 32;

std::string Decode(std::string_view text, size_t& taken) {
  std::string out(text.size() / 4 * 3, '?');
  taken = DecodeVectors(text.data(), text.size(), out.data());
  out.resize(taken / 4 * 3);
  return out;
}

bool HasVectors() {
  size_t taken = 0;
  Decode(std::string(kVectorDigits, 'A'), taken);
  return taken == kVectorDigits;
}

TEST(Base64VectorTest, UsesWhatTheProcessorHas) {
#if defined(__x86_64__)
  EXPECT_EQ(HasVectors(), __builtin_cpu_supports("avx2") != 0);
#else
  EXPECT_FALSE(HasVectors());
#endif
}

TEST(Base64VectorTest, WritesAndReadsWhatOneDigitAtATimeDoes) {
  for (size_t size = 0; size < 400; ++size) {
    const std::string raw = NoiseOf(size, size);
    const std::string digits = Base64Encode(raw);
    std::string encoded(digits.size(), '?');
    const size_t read = EncodeVectors(raw.data(), raw.size(), encoded.data());
    ASSERT_TRUE(read <= size && read % 3 == 0);
    EXPECT_EQ(encoded.substr(0, read / 3 * 4), digits.substr(0, read / 3 * 4));
    EXPECT_EQ(encoded.substr(read / 3 * 4), std::string(digits.size() - read / 3 * 4, '?'));
    size_t taken = 0;
    const std::string decoded = Decode(digits, taken);
    EXPECT_EQ(decoded, raw.substr(0, taken / 4 * 3));
    if (HasVectors()) {
      EXPECT_GT(taken + kVectorDigits + 4, digits.size());
      EXPECT_GT(read + 28, size);
    }
  }
}

TEST(Base64VectorTest, StopsBeforeWhateverIsNoDigit) {
  const bool has_vectors = HasVectors();
  for (size_t place = 0; place < kVectorDigits; ++place) {
    for (int value = 0; value < 256; ++value) {
      std::string text(2 * kVectorDigits, 'Z');
      text[kVectorDigits + place] = static_cast<char>(value);
      const bool is_digit =
          (value < 128 && std::isalnum(value) != 0) || value == '+' || value == '/';
      size_t taken = 0;
      Decode(text, taken);
      const size_t vectors = !has_vectors ? 0 : is_digit ? 2 : 1;
      EXPECT_EQ(taken, vectors * kVectorDigits) << place << " " << value;
    }
  }
}

using LinesDecoder = size_t (*)(const char*, size_t, size_t, bool, char*);

void ExpectWholeLinesOnly(LinesDecoder decode) {
  const bool has_vectors = HasVectors();
  for (const bool crlf : {true, false}) {
    const size_t end = crlf ? 2 : 1;
    for (size_t line = 4; line <= 200; line += 4) {
      const std::string raw = NoiseOf(line / 4 * 3 * 5, line);
      const std::string text = Lines(raw, line, crlf) + (crlf ? "\r\n" : "\n");
      const size_t lines = has_vectors && line >= kVectorDigits ? 5 : 0;
      std::string out(raw.size(), '?');
      ASSERT_EQ(decode(text.data(), text.size(), line, crlf, out.data()), lines) << line;
      EXPECT_EQ(out, lines != 0 ? raw : std::string(raw.size(), '?'));
      if (lines == 0) {
        continue;
      }
      // One character less, or a wrong one anywhere in the third line or its end.
      EXPECT_EQ(decode(text.data(), text.size() - 1, line, crlf, out.data()), 4U);
      const size_t third = 2 * (line + end);
      for (size_t place = 0; place < line + end; ++place) {
        std::string wrong = text;
        wrong[third + place] = '-';
        EXPECT_EQ(decode(wrong.data(), wrong.size(), line, crlf, out.data()), 2U) << place;
      }
    }
  }
}

TEST(Base64VectorTest, DecodesWholeLinesOnly) {
  ExpectWholeLinesOnly(&DecodeLines);
  ExpectWholeLinesOnly(&DecodeLinesAvx2);
}

// At every place of a line of two vectors, the second not full.
TEST(Base64VectorTest, StopsAtALineThatHoldsWhateverIsNoDigit) {
  constexpr size_t kLine = 76;
  for (const LinesDecoder decode : {&DecodeLines, &DecodeLinesAvx2}) {
    for (size_t place = 0; place < kLine; ++place) {
      for (int value = 0; value < 256; ++value) {
        std::string text = std::string(kLine, 'Z') + "\n";
        text[place] = static_cast<char>(value);
        const bool is_digit =
            (value < 128 && std::isalnum(value) != 0) || value == '+' || value == '/';
        std::string out(kLine / 4 * 3, '?');
        EXPECT_EQ(decode(text.data(), text.size(), kLine, false, out.data()),
                  is_digit && HasVectors() ? 1U : 0U)
            << place << " " << value;
        const std::string again = Base64Encode(out) + "\n";
        EXPECT_EQ(again == text, is_digit && HasVectors()) << place << " " << value;
      }
    }
  }
}

TEST(Base64VectorTest, SkipsNoDigitsThatMatter) {
  SeededRandom random(1);
  for (int round = 0; round < 2000; ++round) {
    std::string text = NoiseOf(random.Below(60), static_cast<uint64_t>(round));
    const size_t begin = text.size();
    text += " " + std::string(kStretchMin + random.Below(3) - 1, 'A') + " end";
    const bool is_there = text.size() - begin >= kStretchMin + 5;
    const size_t at = SkipNoStretch(text.data(), text.size(), 0);
    ASSERT_LE(at, text.size());
    if (is_there) {
      EXPECT_LE(at, begin + 1) << round;
    }
  }
}

}  // namespace
}  // namespace mailhaul::store
