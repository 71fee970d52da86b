#include "base/clock.h"

#include <gtest/gtest.h>

namespace mailhaul {
namespace {

TEST(SystemClockTest, MonotonicTimeNeverGoesBackAndWallTimeIsOfThisCentury) {
  const SystemClock clock;
  TimePoint last = clock.Now();
  for (int i = 0; i < 1000; ++i) {
    const TimePoint now = clock.Now();
    EXPECT_GE(now, last);
    last = now;
  }
  const WallTime first_day{std::chrono::sys_days{std::chrono::year{2020} / 1 / 1}};
  EXPECT_GT(clock.WallNow(), first_day);
}

}  // namespace
}  // namespace mailhaul
