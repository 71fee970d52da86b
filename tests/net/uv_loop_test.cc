#include "connectors/net/uv_loop.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <thread>
#include <vector>

#include "connectors/net/task.h"
#include "tests/net/uv_runner.h"

namespace mailhaul::net {
namespace {

using std::chrono::milliseconds;

TEST(UvLoopTest, RunsPostedWorkOfManyThreadsInTheOrderOfEach) {
  constexpr int kThreads = 4;
  constexpr int kItems = 1000;
  UvLoop loop;
  std::vector<std::vector<int>> seen(kThreads);
  int total = 0;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&, thread] {
      for (int item = 0; item < kItems; ++item) {
        loop.Post([&, thread, item] {
          EXPECT_EQ(Loop::Current(), &loop);
          seen[static_cast<size_t>(thread)].push_back(item);
          if (++total == kThreads * kItems) {
            loop.Stop();
          }
        });
      }
    });
  }
  loop.Run();
  for (std::thread& thread : threads) {
    thread.join();
  }
  for (const std::vector<int>& items : seen) {
    ASSERT_EQ(items.size(), size_t{kItems});
    EXPECT_TRUE(std::is_sorted(items.begin(), items.end()));
  }
  EXPECT_EQ(Loop::Current(), nullptr);
}

TEST(UvLoopTest, WorkPostedBeforeStopRunsAndLaterWorkIsDestroyedUnrun) {
  UvLoop loop;
  int runs = 0;
  const auto token = std::make_shared<int>(0);
  loop.Post([&] { ++runs; });
  loop.Stop();
  loop.Post([&runs, token] { ++runs; });
  EXPECT_EQ(token.use_count(), 1);
  loop.Run();
  EXPECT_EQ(runs, 1);
}

TEST(UvLoopTest, AClosedLoopKeepsNothingAndIsPostedToInVain) {
  UvLoop loop;
  loop.Stop();
  loop.Run();
  loop.Close();
  const auto token = std::make_shared<int>(0);
  std::thread([&loop, &token] { loop.Post([token] { ADD_FAILURE(); }); }).join();
  EXPECT_EQ(token.use_count(), 1);
}

TEST(UvLoopTest, WhatWasPostedToALoopThatNeverRanIsDestroyedWhenItCloses) {
  UvLoop loop;
  const auto token = std::make_shared<int>(0);
  loop.Post([token] { ADD_FAILURE(); });
  EXPECT_EQ(token.use_count(), 2);
  loop.Close();
  EXPECT_EQ(token.use_count(), 1);
}

TEST(UvLoopTest, TimersFireInTheOrderOfTheirTimesAndNeverEarly) {
  UvLoop loop;
  std::vector<int> fired;
  loop.Post([&] {
    const TimePoint now = loop.Now();
    const auto add = [&](milliseconds delay, int id) {
      return loop.AddTimer(now + delay, [&, when = now + delay, id] {
        EXPECT_GE(loop.Now(), when);
        fired.push_back(id);
      });
    };
    add(milliseconds(9), 3);
    add(milliseconds(3), 1);
    add(milliseconds(3), 2);
    const Loop::TimerId cancelled = add(milliseconds(5), 99);
    add(milliseconds(-5), 0);  // Due already.
    loop.AddTimer(now + milliseconds(12), [&] { loop.Stop(); });
    loop.AddTimer(TimePoint::max(), [&] { fired.push_back(100); });
    loop.CancelTimer(cancelled);
    loop.CancelTimer(0);
  });
  loop.Run();
  EXPECT_EQ(fired, (std::vector<int>{0, 1, 2, 3}));
}

TEST(UvLoopTest, ATimerMayCancelAnotherThatIsDueAtTheSameTime) {
  UvLoop loop;
  bool fired = false;
  Loop::TimerId other = 0;
  loop.Post([&] {
    const TimePoint when = loop.Now() + milliseconds(1);
    loop.AddTimer(when, [&] { loop.CancelTimer(other); });
    other = loop.AddTimer(when, [&] { fired = true; });
    loop.AddTimer(when + milliseconds(2), [&] { loop.Stop(); });
  });
  loop.Run();
  EXPECT_FALSE(fired);
}

Task<void> Hop(OneShot<bool>* in, OneShot<bool>* out, std::vector<int>* order, int id, int rounds) {
  for (int i = 0; i < rounds; ++i) {
    const bool value = co_await in->Wait();
    order->push_back(id);
    out->Set(value);
  }
}

TEST(UvLoopTest, ReadyCoroutinesAlternateWithoutWaitingForEvents) {
  UvLoop loop;
  TaskGroup group;
  OneShot<bool> ping;
  OneShot<bool> pong;
  std::vector<int> order;
  constexpr int kRounds = 10'000;  // More than one turn of the loop resumes.
  loop.Post([&] {
    group.Spawn(Hop(&ping, &pong, &order, 1, kRounds));
    group.Spawn(ThenStop(Hop(&pong, &ping, &order, 2, kRounds), &loop));
    ping.Set(true);
  });
  loop.Run();
  ASSERT_EQ(order.size(), size_t{2 * kRounds});
  for (size_t i = 0; i < order.size(); ++i) {
    ASSERT_EQ(order[i], i % 2 == 0 ? 1 : 2);
  }
}

Task<void> SleepThrice(UvLoop* loop, TimePoint* end) {
  for (int i = 0; i < 3; ++i) {
    co_await SleepUntil(loop->Now() + milliseconds(1));
  }
  *end = loop->Now();
}

TEST(UvLoopTest, SleepingCoroutinesWakeUp) {
  TimePoint start{};
  TimePoint end{};
  RunOnUvLoop([&](UvLoop& loop) {
    start = loop.Now();
    return SleepThrice(&loop, &end);
  });
  EXPECT_GE(end - start, milliseconds(3));
}

TEST(UvLoopTest, ALoopThatNeverRanClosesCleanly) {
  UvLoop loop;
  loop.AddTimer(loop.Now(), [] { FAIL(); });
  loop.Post([] { FAIL(); });
}

}  // namespace
}  // namespace mailhaul::net
