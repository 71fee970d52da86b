#include "engine/mime/byte_scan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>

#include "base/random.h"

namespace mailhaul::mime {
namespace {

// As the header says it, one byte at a time.
size_t FindOneByOne(std::string_view text) {
  for (size_t i = 1; i <= text.size(); ++i) {
    const std::string_view rest = text.substr(i, 2);
    if (text[i - 1] == '\n' && (rest.empty() || rest == "-" || rest == "--")) {
      return i;
    }
  }
  return std::string_view::npos;
}

// Longer than the blocks that are looked at together.
TEST(ByteScanTest, FindsTheDashLineWhereverItBegins) {
  for (size_t size = 0; size < 600; ++size) {
    const std::string text(size, 'x');
    EXPECT_EQ(FindDashLine(text), std::string_view::npos) << size;
    for (size_t at = 0; at + 1 < size; at += 1 + size / 50) {
      std::string with = text;
      with.replace(at, 3, "\n--", 0, std::min<size_t>(3, size - at));
      ASSERT_EQ(with.size(), size);
      EXPECT_EQ(FindDashLine(with), FindOneByOne(with)) << size << " " << at;
    }
  }
}

TEST(ByteScanTest, FindsWhatOneByteAtATimeDoes) {
  size_t found = 0;
  for (uint64_t seed = 0; seed < 20'000; ++seed) {
    SeededRandom random(seed);
    std::string text(random.Below(1500), 'x');
    for (uint64_t i = random.Below(40); i > 0 && !text.empty(); --i) {
      text[random.Below(text.size())] = "\n\n--=\r "[random.Below(7)];
    }
    ASSERT_EQ(FindDashLine(text), FindOneByOne(text)) << seed;
    found += FindDashLine(text) != std::string_view::npos ? 1 : 0;
    const auto is_digit = [](char c) { return c > ' ' && c != '='; };
    ASSERT_EQ(CountBase64Digits(text),
              static_cast<size_t>(std::count_if(text.begin(), text.end(), is_digit)))
        << seed;
  }
  EXPECT_GT(found, 100U);
  EXPECT_LT(found, 19'000U);
}

}  // namespace
}  // namespace mailhaul::mime
