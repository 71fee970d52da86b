#include "engine/http/token_rates.h"

#include <gtest/gtest.h>

namespace mailhaul::http {
namespace {

using std::chrono::milliseconds;

constexpr TimePoint kStart{std::chrono::hours(5)};

// How many turns there are at `now`.
size_t Turns(TokenRates* rates, const std::string& token, TimePoint now) {
  size_t taken = 0;
  while (taken < 100'000 && !rates->Take(token, now).has_value()) {
    ++taken;
  }
  return taken;
}

TEST(TokenRatesTest, ABurstThenTheRate) {
  TokenRates rates(10);
  EXPECT_EQ(Turns(&rates, "a", kStart), 50U);
  EXPECT_EQ(rates.Take("a", kStart), std::optional<Duration>(milliseconds(100)));
  EXPECT_EQ(Turns(&rates, "a", kStart + milliseconds(99)), 0U);
  EXPECT_EQ(Turns(&rates, "a", kStart + milliseconds(100)), 1U);
  EXPECT_EQ(Turns(&rates, "a", kStart + milliseconds(1100)), 10U);
  EXPECT_EQ(Turns(&rates, "a", kStart + std::chrono::hours(1)), 50U);
}

TEST(TokenRatesTest, ARefusedTurnCostsNothing) {
  TokenRates rates(1);
  EXPECT_EQ(Turns(&rates, "a", kStart), 5U);
  for (int i = 0; i < 1000; ++i) {
    EXPECT_TRUE(rates.Take("a", kStart + milliseconds(i / 2)).has_value());
  }
  EXPECT_FALSE(rates.Take("a", kStart + milliseconds(1000)).has_value());
}

TEST(TokenRatesTest, TokensDoNotShare) {
  TokenRates rates(1);
  EXPECT_EQ(Turns(&rates, "a", kStart), 5U);
  EXPECT_EQ(Turns(&rates, "b", kStart), 5U);
}

TEST(TokenRatesTest, NoLimit) {
  TokenRates rates;
  EXPECT_EQ(Turns(&rates, "a", kStart), 100'000U);
  EXPECT_EQ(rates.size(), 0U);
}

TEST(TokenRatesTest, TheHighestRateIsKept) {
  TokenRates rates(1'000'000);
  EXPECT_EQ(Turns(&rates, "a", kStart), 100'000U);
}

TEST(TokenRatesTest, TokensThatRestAreForgotten) {
  TokenRates rates(1);
  for (int i = 0; i < 100'000; ++i) {
    EXPECT_FALSE(rates.Take(std::to_string(i), kStart + std::chrono::seconds(i)).has_value());
    ASSERT_LE(rates.size(), 1024U);
  }
}

}  // namespace
}  // namespace mailhaul::http
