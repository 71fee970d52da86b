#include "base/random.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <set>

namespace mailhaul {
namespace {

TEST(RandomTest, EqualSeedsGiveEqualSequencesOnEveryMachine) {
  SeededRandom random(0);
  EXPECT_EQ(random.NextU64(), 0xE220A8397B1DCDAFU);  // splitmix64's published first value.
  SeededRandom a(42);
  SeededRandom b(42);
  SeededRandom c(43);
  const uint64_t first = a.NextU64();
  EXPECT_EQ(first, b.NextU64());
  EXPECT_NE(first, c.NextU64());
}

TEST(RandomTest, BelowStaysBelowAndReachesAll) {
  SeededRandom random(1);
  std::array<int, 7> counts{};
  for (int i = 0; i < 7000; ++i) {
    ++counts.at(random.Below(counts.size()));
  }
  for (const int count : counts) {
    EXPECT_NEAR(count, 1000, 150);
  }
  EXPECT_EQ(random.Below(1), 0U);
}

TEST(RandomTest, ChanceFollowsItsFraction) {
  SeededRandom random(2);
  int hits = 0;
  for (int i = 0; i < 10'000; ++i) {
    hits += random.Chance(1, 4) ? 1 : 0;
  }
  EXPECT_NEAR(hits, 2500, 200);
  EXPECT_FALSE(random.Chance(0, 5));
  EXPECT_TRUE(random.Chance(5, 5));
}

TEST(RandomTest, FillsLengthsThatAreNoMultipleOfEight) {
  for (size_t length = 0; length < 20; ++length) {
    std::array<unsigned char, 24> bytes{};
    SeededRandom random(9);
    random.Fill({bytes.data(), length});
    EXPECT_TRUE(std::all_of(bytes.begin() + static_cast<std::ptrdiff_t>(length), bytes.end(),
                            [](unsigned char byte) { return byte == 0; }));
  }
}

TEST(RandomTest, TheSystemsRandomnessDoesNotRepeat) {
  SystemRandom random;
  std::set<uint64_t> values;
  for (int i = 0; i < 1000; ++i) {
    values.insert(random.NextU64());
  }
  EXPECT_EQ(values.size(), 1000U);
}

TEST(RandomDeathTest, BelowZeroIsADefect) {
  SeededRandom random(1);
  EXPECT_DEATH(random.Below(0), "internal error");
}

}  // namespace
}  // namespace mailhaul
