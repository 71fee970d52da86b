#include "connectors/net/task.h"

#include <gtest/gtest.h>

#include <vector>

#include "connectors/net/memory_stream.h"
#include "connectors/net/virtual_loop.h"

namespace mailhaul::net {
namespace {

constexpr WallTime kStart{std::chrono::milliseconds(1'700'000'000'000)};

class TaskTest : public ::testing::Test {
 protected:
  VirtualClock clock_{kStart};
  VirtualLoop loop_{clock_};
};

Task<int> Now(int value) { co_return value; }

Task<int> After(Duration delay, int value) {
  co_await SleepUntil(Loop::Current()->Now() + delay);
  co_return value;
}

Task<int> SumOfSynchronousAwaits(int count) {
  int sum = 0;
  for (int i = 0; i < count; ++i) {
    const int value = co_await Now(1);
    sum += value;
  }
  co_return sum;
}

Task<int> SumOfNestedAwaits(int depth) {
  if (depth == 0) {
    co_return 0;
  }
  const int below = co_await SumOfNestedAwaits(depth - 1);
  const int own = co_await After(std::chrono::seconds(1), 1);
  co_return below + own;
}

Task<int> SumOfImmediateResumptions(OneShot<int>* shot, int count) {
  int sum = 0;
  for (int i = 0; i < count; ++i) {
    shot->Set(1);
    const int value = co_await shot->Wait();
    sum += value;
  }
  co_return sum;
}

TEST_F(TaskTest, AMillionSynchronousAwaitsDoNotGrowTheStack) {
  EXPECT_EQ(loop_.Await(SumOfSynchronousAwaits(1'000'000)), 1'000'000);
}

TEST_F(TaskTest, AMillionAwaitsOfADeliveredValueDoNotGrowTheStack) {
  OneShot<int> shot;
  EXPECT_EQ(loop_.Await(SumOfImmediateResumptions(&shot, 1'000'000)), 1'000'000);
}

TEST_F(TaskTest, NestedTasksResumeTheirCallersInTurn) {
  const TimePoint before = loop_.Now();
  EXPECT_EQ(loop_.Await(SumOfNestedAwaits(50)), 50);
  EXPECT_EQ(loop_.Now() - before, std::chrono::seconds(50));
}

Task<void> Note(std::vector<int>* order, int value) {
  order->push_back(value);
  co_return;
}

TEST_F(TaskTest, ATaskThatIsNeverAwaitedNeverRuns) {
  std::vector<int> order;
  { const Task<void> dropped = Note(&order, 1); }
  EXPECT_TRUE(order.empty());
}

Task<void> WaitAndNote(OneShot<int>* shot, std::vector<int>* order, int id) {
  const int value = co_await shot->Wait();
  order->push_back(id * 100 + value);
}

Task<void> SetInOrder(OneShot<int>* first, OneShot<int>* second) {
  second->Set(2);
  first->Set(1);
  co_return;
}

TEST_F(TaskTest, ReadyCoroutinesResumeInTheOrderTheyBecameReady) {
  std::vector<int> order;
  OneShot<int> first;
  OneShot<int> second;
  TaskGroup group;
  group.Spawn(WaitAndNote(&first, &order, 1));
  group.Spawn(WaitAndNote(&second, &order, 2));
  EXPECT_EQ(group.running(), 2U);
  loop_.Await(SetInOrder(&first, &second));
  loop_.Await(group.Drain());
  EXPECT_EQ(order, (std::vector<int>{202, 101}));
}

Task<Result<int>> Fails() {
  co_await SleepUntil(Loop::Current()->Now());
  co_return Status(Code::kTimeout, "too late");
}
Task<Result<int>> AddsOneTo(Task<Result<int>> task) {
  CO_TRY(const int value, std::move(task));
  co_return value + 1;
}
Task<Result<int>> Succeeds(int value) { co_return value; }
Task<Status> StatusOf(Status status) { co_return status; }
Task<Result<int>> GuardedBy(Status status) {
  CO_RETURN_IF_ERROR(StatusOf(status));
  co_return 7;
}

TEST_F(TaskTest, CoTryYieldsTheValueOrReturnsTheFailure) {
  EXPECT_EQ(*loop_.Await(AddsOneTo(Succeeds(41))), 42);
  EXPECT_EQ(loop_.Await(AddsOneTo(Fails())).status(), Status(Code::kTimeout, "too late"));
}

TEST_F(TaskTest, CoReturnIfErrorGoesOnAfterSuccessOnly) {
  EXPECT_EQ(*loop_.Await(GuardedBy(Status::Ok())), 7);
  EXPECT_EQ(loop_.Await(GuardedBy(Status(Code::kIo, "disk"))).status().code(), Code::kIo);
}

Task<void> SpawnMore(TaskGroup* group, std::vector<int>* order, int left) {
  co_await SleepUntil(Loop::Current()->Now() + std::chrono::seconds(1));
  order->push_back(left);
  if (left > 0) {
    group->Spawn(SpawnMore(group, order, left - 1));
  }
}

TEST_F(TaskTest, DrainWaitsForTasksThatAreSpawnedWhileItWaits) {
  TaskGroup group;
  std::vector<int> order;
  loop_.Post([&] { group.Spawn(SpawnMore(&group, &order, 3)); });
  loop_.RunDue();
  loop_.Await(group.Drain());
  EXPECT_EQ(order, (std::vector<int>{3, 2, 1, 0}));
  EXPECT_EQ(group.running(), 0U);
}

Task<void> SpawnThenDrain(TaskGroup* group, std::vector<int>* order) {
  group->Spawn(SpawnMore(group, order, 0));
  co_await group->Drain();
}

TEST_F(TaskTest, DrainOfAnIdleGroupCompletesAtOnceAndAgain) {
  TaskGroup group;
  std::vector<int> order;
  loop_.Await(group.Drain());
  EXPECT_TRUE(order.empty());
  loop_.Await(SpawnThenDrain(&group, &order));
  EXPECT_EQ(order, (std::vector<int>{0}));
}

// A conversation of many steps, over a stream that is aborted after any number of loop steps.
Task<Result<int>> Converse(Stream& stream, int rounds) {
  int answered = 0;
  char answer[4];
  for (int i = 0; i < rounds; ++i) {
    CO_RETURN_IF_ERROR(stream.Write("ping"));
    CO_TRY(const size_t count, stream.Read(answer));
    answered += static_cast<int>(count);
  }
  co_return answered;
}

Task<void> Echo(std::unique_ptr<Stream> stream) {
  char bytes[4];
  while (true) {
    const Result<size_t> count = co_await stream->Read(bytes);
    if (!count.ok() || *count == 0) {
      break;
    }
    const std::string_view read(bytes, *count);
    const Status written = co_await stream->Write(read);
    if (!written.ok()) {
      break;
    }
  }
  co_await stream->Close();
}

Task<void> ConverseAndClose(Stream& stream, Code* outcome) {
  const Result<int> answered = co_await Converse(stream, 10);
  *outcome = answered.status().code();
  co_await stream.Close();
}

Code CancelAfter(uint64_t steps) {
  VirtualClock clock(kStart);
  VirtualLoop loop(clock);
  TaskGroup group;
  Code outcome = Code::kInternal;
  std::unique_ptr<Stream> client;
  loop.Post([&] {
    auto [first, second] = MakeMemoryStreams({.latency = std::chrono::milliseconds(5)});
    client = std::move(first);
    group.Spawn(Echo(std::move(second)));
    group.Spawn(ConverseAndClose(*client, &outcome));
  });
  const auto cancel = [&] {
    return loop.steps() > steps || (client != nullptr && group.running() == 0);
  };
  loop.RunUntil(cancel);
  if (group.running() > 0) {
    loop.Post([&] { client->Abort(); });
  }
  loop.RunUntil([&] { return client != nullptr && group.running() == 0; });
  EXPECT_EQ(group.running(), 0U);
  return outcome;
}

TEST_F(TaskTest, AConversationAbortedAtAnyStepUnwindsItself) {
  uint64_t steps = 1;
  Code outcome = Code::kCancelled;
  while (outcome == Code::kCancelled && steps < 1000) {
    outcome = CancelAfter(steps);
    ++steps;
  }
  EXPECT_EQ(outcome, Code::kOk);  // Cancelled later than its end.
  EXPECT_GT(steps, 20U);
}

TEST_F(TaskTest, DestroyingAGroupThatRunsTasksIsADefect) {
  OneShot<int> never;
  std::vector<int> order;
  EXPECT_DEATH(
      {
        TaskGroup group;
        group.Spawn(WaitAndNote(&never, &order, 1));
      },
      "internal error");
}

TEST_F(TaskTest, TwoUntakenValuesOfOneShotAreADefect) {
  OneShot<int> shot;
  shot.Set(1);
  EXPECT_DEATH(shot.Set(2), "internal error");
}

TEST_F(TaskTest, VirtualTimeMovesOnlyToTimersAndCancelledOnesDoNotFire) {
  std::vector<int> fired;
  const TimePoint start = loop_.Now();
  loop_.AddTimer(start + std::chrono::seconds(2), [&] { fired.push_back(2); });
  loop_.AddTimer(start + std::chrono::seconds(1), [&] { fired.push_back(1); });
  const Loop::TimerId cancelled =
      loop_.AddTimer(start + std::chrono::seconds(3), [&] { fired.push_back(3); });
  loop_.CancelTimer(cancelled);
  loop_.CancelTimer(0);
  loop_.RunUntil([] { return false; });
  EXPECT_EQ(fired, (std::vector<int>{1, 2}));
  EXPECT_EQ(loop_.Now() - start, std::chrono::seconds(2));
}

}  // namespace
}  // namespace mailhaul::net
