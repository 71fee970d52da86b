#include "base/memory_budget.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <semaphore>
#include <thread>
#include <vector>

#include "base/random.h"

namespace mailhaul {
namespace {

TEST(MemoryBudgetTest, GrantsWhatFitsAndCountsThePeak) {
  MemoryBudget budget(100);
  EXPECT_TRUE(budget.TryTake(60));
  EXPECT_FALSE(budget.TryTake(41));
  EXPECT_TRUE(budget.TryTake(40));
  EXPECT_EQ(budget.bytes_taken(), 100U);
  budget.Give(100);
  EXPECT_EQ(budget.bytes_taken(), 0U);
  EXPECT_EQ(budget.bytes_peak(), 100U);
  EXPECT_EQ(budget.bytes_max(), 100U);
}

TEST(MemoryBudgetTest, WaitersAreServedInOrderSoThatLargeOnesDoNotStarve) {
  MemoryBudget budget(100);
  std::vector<int> granted;
  ASSERT_TRUE(budget.TryTake(90));
  budget.Take(50, [&] { granted.push_back(1); });
  budget.Take(5, [&] { granted.push_back(2); });  // Would fit, but came later.
  EXPECT_FALSE(budget.TryTake(1));
  EXPECT_TRUE(granted.empty());
  budget.Give(30);
  EXPECT_TRUE(granted.empty());
  budget.Give(30);
  EXPECT_EQ(granted, (std::vector<int>{1, 2}));
  EXPECT_EQ(budget.bytes_taken(), 85U);
  budget.Give(85);
}

TEST(MemoryBudgetTest, ARequestLargerThanTheBudgetIsGrantedAlone) {
  MemoryBudget budget(100);
  bool granted = false;
  ASSERT_TRUE(budget.TryTake(1));
  budget.Take(500, [&] { granted = true; });
  EXPECT_FALSE(granted);
  budget.Give(1);
  EXPECT_TRUE(granted);
  EXPECT_FALSE(budget.TryTake(1));
  budget.Give(500);
  EXPECT_TRUE(budget.TryTake(1));
  budget.Give(1);
}

TEST(MemoryBudgetTest, ForcedTakingGoesBeyondTheBudgetAndHoldsOthersBack) {
  MemoryBudget budget(100);
  budget.ForceTake(150);
  EXPECT_EQ(budget.bytes_taken(), 150U);
  EXPECT_FALSE(budget.TryTake(0));
  budget.Give(60);
  EXPECT_TRUE(budget.TryTake(10));
  budget.Give(100);
}

TEST(MemoryBudgetTest, AGrantMayTakeAndGiveAgain) {
  MemoryBudget budget(10);
  int grants = 0;
  ASSERT_TRUE(budget.TryTake(10));
  budget.Take(10, [&] {
    ++grants;
    budget.Give(10);
    budget.Take(10, [&] { ++grants; });
  });
  budget.Give(10);
  EXPECT_EQ(grants, 2);
  budget.Give(10);
}

TEST(MemoryBudgetTest, ManyThreadsNeverExceedItAndAllAreServed) {
  constexpr size_t kMax = 1000;
  constexpr int kThreads = 4;
  constexpr int kRounds = 3000;
  MemoryBudget budget(kMax);
  std::atomic<int> grants{0};
  std::vector<std::thread> threads;
  for (int id = 0; id < kThreads; ++id) {
    threads.emplace_back([&, id] {
      SeededRandom random(static_cast<uint64_t>(id));
      for (int round = 0; round < kRounds; ++round) {
        const size_t bytes = 1 + random.Below(kMax);
        const auto granted = std::make_shared<std::binary_semaphore>(0);
        budget.Take(bytes, [granted] { granted->release(); });
        granted->acquire();
        EXPECT_LE(budget.bytes_taken(), budget.bytes_max());
        grants.fetch_add(1);
        budget.Give(bytes);
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(grants.load(), kThreads * kRounds);
  EXPECT_EQ(budget.bytes_taken(), 0U);
  EXPECT_LE(budget.bytes_peak(), kMax);
}

TEST(MemoryBudgetDeathTest, GivingBackMoreThanWasTakenIsADefect) {
  MemoryBudget budget(10);
  ASSERT_TRUE(budget.TryTake(5));
  EXPECT_DEATH(budget.Give(6), "internal error");
}

}  // namespace
}  // namespace mailhaul
