#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <vector>

#include "connectors/net/virtual_loop.h"
#include "engine/pipeline/await_on.h"
#include "engine/pipeline/blocking_pool.h"
#include "engine/pipeline/tbb_work_pool.h"

namespace mailhaul::pipeline {
namespace {

template <typename Pool>
void RunsEverythingBeforeItDies() {
  constexpr int kItems = 10'000;
  std::atomic<int> done{0};
  {
    Pool pool(3);
    for (int i = 0; i < kItems; ++i) {
      pool.Submit([&done] { ++done; });
    }
  }
  EXPECT_EQ(done, kItems);
}

TEST(TbbWorkPoolTest, RunsEverythingBeforeItDies) { RunsEverythingBeforeItDies<TbbWorkPool>(); }
TEST(BlockingPoolTest, RunsEverythingBeforeItDies) { RunsEverythingBeforeItDies<BlockingPool>(); }

template <typename Pool>
void RunsAsManyAtOnceAsItHasThreads() {
  // Each waits for the others: with fewer threads this test would never end.
  std::latch all(3);
  Pool pool(3);
  for (int i = 0; i < 3; ++i) {
    pool.Submit([&all] { all.arrive_and_wait(); });
  }
  all.wait();
  SUCCEED();
}

TEST(TbbWorkPoolTest, RunsAsManyAtOnceAsItHasThreads) {
  RunsAsManyAtOnceAsItHasThreads<TbbWorkPool>();
}
TEST(BlockingPoolTest, RunsAsManyAtOnceAsItHasThreads) {
  RunsAsManyAtOnceAsItHasThreads<BlockingPool>();
}

TEST(TbbWorkPoolTest, UrgentWorkGoesFirstButForEveryFifthPiece) {
  std::latch begun(1);
  std::latch released(1);
  std::vector<int> order;
  {
    TbbWorkPool pool(1);
    pool.Submit([&] {
      begun.count_down();
      released.wait();
    });
    begun.wait();
    for (const int ordinary : {5, 8, 9}) {
      pool.Submit([&order, ordinary] { order.push_back(ordinary); });
    }
    for (const int urgent : {1, 2, 3, 4, 6, 7}) {
      pool.SubmitUrgent([&order, urgent] { order.push_back(urgent); });
    }
    released.count_down();
  }
  EXPECT_EQ(order, (std::vector<int>{1, 2, 3, 4, 5, 6, 7, 8, 9}));
}

TEST(RunOnTest, GivesTheResultBackOnTheLoop) {
  net::VirtualClock clock{WallTime{}};
  net::VirtualLoop loop(clock);
  InlineWorkPool pool;
  std::function<std::string()> work = [] { return std::string("done"); };
  EXPECT_EQ(loop.Await(RunOn<std::string>(pool, std::move(work))), "done");
}

}  // namespace
}  // namespace mailhaul::pipeline
