#include "scheduler/fair_queue.h"

#include <gtest/gtest.h>

#include <string>

namespace mailhaul::scheduler {
namespace {

TimePoint At(int64_t nanoseconds) { return TimePoint{Duration(nanoseconds)}; }

class FairQueueTest : public testing::Test {
 protected:
  FairQueueTest() : positions_(100, kAbsent) {
    for (int i = 0; i < 4; ++i) {
      queue_.AddLane();
    }
  }
  void Push(FairQueue::Lane lane, uint32_t job, int64_t deadline) {
    queue_.Push(lane, job, At(deadline), positions_);
  }
  // The lanes in the order in which `count` jobs are served at `now`: "0120".
  std::string Serve(int64_t now, int count) {
    std::string lanes;
    for (int i = 0; i < count && !queue_.empty(); ++i) {
      const FairQueue::Head head = queue_.Peek(At(now));
      queue_.Charge(head.lane, head.deadline, At(now));
      queue_.Remove(head.lane, head.job, positions_);
      lanes += std::to_string(head.lane);
    }
    return lanes;
  }

  FairQueue queue_;
  Positions positions_;
};

TEST_F(FairQueueTest, OnTimeTheEarliestDeadlineGoesFirstWhosesoeverItIs) {
  Push(0, 1, 10);
  Push(0, 2, 20);
  Push(1, 3, 30);
  Push(2, 4, 15);
  EXPECT_EQ(Serve(0, 9), "0201");
}

TEST_F(FairQueueTest, LateTenantsTakeTurns) {
  for (uint32_t job = 0; job < 6; ++job) {
    Push(0, job, 1);
    Push(1, 10 + job, 2);
  }
  EXPECT_EQ(Serve(100, 12), "010101010101");
}

TEST_F(FairQueueTest, LateTenantsGoBeforeThoseOnTime) {
  Push(0, 1, 200);
  Push(1, 2, 1);
  Push(1, 3, 2);
  EXPECT_EQ(Serve(100, 9), "110");
}

TEST_F(FairQueueTest, WhoComesLateToTheCrowdHasNoCreditFromBefore) {
  for (uint32_t job = 0; job < 20; ++job) {
    Push(0, job, 1);
  }
  EXPECT_EQ(Serve(100, 10), "0000000000");
  for (uint32_t job = 30; job < 36; ++job) {
    Push(1, job, 3);
  }
  EXPECT_EQ(Serve(100, 6), "101010");
}

TEST_F(FairQueueTest, ServiceOnTimeIsNotHeldAgainstATenant) {
  for (uint32_t job = 0; job < 10; ++job) {
    Push(0, job, 50);
  }
  EXPECT_EQ(Serve(0, 10), "0000000000");
  for (uint32_t job = 0; job < 4; ++job) {
    Push(0, job, 60);
    Push(1, 20 + job, 61);
  }
  EXPECT_EQ(Serve(100, 8), "01010101");
}

TEST_F(FairQueueTest, ALaneBackOnTimeLosesItsPrecedence) {
  Push(0, 1, 1);
  Push(0, 2, 500);
  Push(1, 3, 400);
  EXPECT_EQ(Serve(100, 9), "010");
}

TEST_F(FairQueueTest, ARivalGoesBeforeOnlyIfItIsMoreUrgent) {
  EXPECT_FALSE(queue_.GoesBefore(0, At(100), At(0))) << "an empty queue has no rival";
  Push(0, 1, 100);
  EXPECT_FALSE(queue_.GoesBefore(0, At(100), At(0))) << "a tie within a tenant";
  EXPECT_TRUE(queue_.GoesBefore(0, At(101), At(0)));
  EXPECT_TRUE(queue_.GoesBefore(1, At(101), At(0)));
  EXPECT_FALSE(queue_.GoesBefore(1, At(99), At(0)));
  EXPECT_TRUE(queue_.GoesBefore(1, At(900), At(500))) << "late against on time";
  queue_.Charge(1, At(400), At(500));
  EXPECT_TRUE(queue_.GoesBefore(1, At(50), At(500))) << "both late, the other was just served";
}

TEST_F(FairQueueTest, MovingAndRemovingJobsKeepsTheOrder) {
  Push(0, 1, 50);
  Push(1, 2, 60);
  Push(2, 3, 70);
  queue_.Update(2, 3, At(10), positions_);
  EXPECT_EQ(queue_.Peek(At(0)).job, 3U);
  queue_.Remove(2, 3, positions_);
  EXPECT_EQ(queue_.Peek(At(0)).job, 1U);
  queue_.Remove(0, 1, positions_);
  EXPECT_EQ(queue_.Peek(At(0)).job, 2U);
  EXPECT_EQ(queue_.size(), 1U);
}

}  // namespace
}  // namespace mailhaul::scheduler
