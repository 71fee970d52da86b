#include "base/work_pool.h"

#include <gtest/gtest.h>

#include <vector>

namespace mailhaul {
namespace {

TEST(InlineWorkPoolTest, RunsEachWorkOnceBeforeSubmitReturns) {
  InlineWorkPool pool;
  std::vector<int> ran;
  pool.Submit([&] { ran.push_back(1); });
  EXPECT_EQ(ran, (std::vector<int>{1}));
  pool.Submit([&] { ran.push_back(2); });
  EXPECT_EQ(ran, (std::vector<int>{1, 2}));
}

}  // namespace
}  // namespace mailhaul
