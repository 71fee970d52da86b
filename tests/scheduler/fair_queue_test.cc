#include "scheduler/fair_queue.h"

#include <gtest/gtest.h>

#include <string>

namespace mailhaul::scheduler {
namespace {

constexpr FairQueue::Cost kCost = 100;

TimePoint At(int64_t nanoseconds) { return TimePoint{Duration(nanoseconds)}; }

class FairQueueTest : public testing::Test {
 protected:
  FairQueueTest() {
    for (int i = 0; i < 100; ++i) {
      mailboxes_.Add();
    }
    queue_.Begin(FairQueue::Mode::kDeadlines);
  }
  void Push(uint32_t lane, uint32_t job, int64_t deadline) {
    queue_.Push(lane, job, {At(deadline)}, positions_);
  }
  // The lanes in the order in which `count` jobs are served at `now`: "0120".
  std::string Serve(int64_t now, int count) {
    std::string lanes;
    for (int i = 0; i < count && !queue_.empty(); ++i) {
      const FairQueue::Head head = queue_.Peek(At(now));
      queue_.Charge(head.tenant, head.rank, kCost, At(now));
      queue_.Remove(head.tenant, head.job, positions_);
      lanes += std::to_string(head.tenant);
    }
    return lanes;
  }

  FairQueue queue_;
  Mailboxes mailboxes_;
  const JobPlaces positions_{mailboxes_};
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
  EXPECT_FALSE(queue_.GoesBefore(0, {At(100)}, At(0))) << "an empty queue has no rival";
  Push(0, 1, 100);
  EXPECT_FALSE(queue_.GoesBefore(0, {At(100)}, At(0))) << "a tie within a tenant";
  EXPECT_TRUE(queue_.GoesBefore(0, {At(110)}, At(0)));
  EXPECT_TRUE(queue_.GoesBefore(1, {At(110)}, At(0)));
  EXPECT_FALSE(queue_.GoesBefore(1, {At(90)}, At(0)));
  EXPECT_TRUE(queue_.GoesBefore(1, {At(900)}, At(500))) << "late against on time";
  queue_.Charge(1, {At(400)}, kCost, At(500));
  EXPECT_TRUE(queue_.GoesBefore(1, {At(50)}, At(500))) << "both late, the other was just served";
}

TEST_F(FairQueueTest, ALaneWaitsInProportionToWhatItIsCharged) {
  for (uint32_t job = 0; job < 9; ++job) {
    Push(0, job, 1);
    Push(1, 20 + job, 2);
  }
  std::string lanes;
  for (int i = 0; i < 8; ++i) {
    const FairQueue::Head head = queue_.Peek(At(100));
    queue_.Charge(head.tenant, head.rank, head.tenant == 0 ? 3 * kCost : kCost, At(100));
    queue_.Remove(head.tenant, head.job, positions_);
    lanes += std::to_string(head.tenant);
  }
  EXPECT_EQ(lanes, "01110111");
}

TEST_F(FairQueueTest, WhatAGrantReallyCostIsMadeGood) {
  for (uint32_t job = 0; job < 9; ++job) {
    Push(0, job, 1);
    Push(1, 20 + job, 2);
  }
  EXPECT_EQ(Serve(100, 2), "01");
  queue_.Correct(0, kCost, 4 * kCost);
  EXPECT_EQ(Serve(100, 4), "1110");
  queue_.Correct(0, kCost, 0);
  EXPECT_EQ(Serve(100, 2), "01");
}

TEST_F(FairQueueTest, SharesDoNotCareForDeadlines) {
  FairQueue shares;
  shares.Begin(FairQueue::Mode::kShares);
  for (uint32_t job = 0; job < 5; ++job) {
    shares.Push(0, job, {At(1000)}, positions_);
    shares.Push(1, 20 + job, {At(9000)}, positions_);
  }
  std::string lanes;
  for (int i = 0; i < 6; ++i) {
    const FairQueue::Head head = shares.Peek(At(0));
    EXPECT_TRUE(shares.Charge(head.tenant, head.rank, kCost, At(0)));
    shares.Remove(head.tenant, head.job, positions_);
    lanes += std::to_string(head.tenant);
  }
  EXPECT_EQ(lanes, "010101");
}

TEST_F(FairQueueTest, RefreshesGoAheadUntilTheirLaneIsTooFarAheadOfItsShare) {
  for (uint32_t job = 0; job < 9; ++job) {
    queue_.Push(0, job, {At(500), /*refresh=*/true}, positions_);
    Push(1, 20 + job, 2);
  }
  std::string lanes;
  for (int i = 0; i < 10; ++i) {
    const FairQueue::Head head = queue_.Peek(At(100));
    queue_.Charge(head.tenant, head.rank, FairQueue::kRefreshCredit, At(100));
    queue_.Remove(head.tenant, head.job, positions_);
    lanes += std::to_string(head.tenant);
  }
  EXPECT_EQ(lanes, "0011001100") << "two at once on credit, but not more than the other lane";
}

TEST_F(FairQueueTest, ARefreshIsARivalToEverythingElse) {
  Push(1, 1, 2);
  queue_.Push(0, 2, {At(500), /*refresh=*/true}, positions_);
  EXPECT_TRUE(queue_.GoesBefore(1, {At(1)}, At(100)));
  EXPECT_TRUE(queue_.GoesBefore(0, {At(1)}, At(100)));
  EXPECT_FALSE(queue_.GoesBefore(0, {At(500), true}, At(100)));
  EXPECT_FALSE(queue_.GoesBefore(1, {At(900), true}, At(100))) << "equal tags";
}

TEST_F(FairQueueTest, ManyTenantsAreFoundAgain) {
  for (uint32_t tenant = 0; tenant < 100; ++tenant) {
    queue_.Push(tenant * 7, tenant, {At(tenant)}, positions_);
  }
  for (uint32_t tenant = 0; tenant < 100; ++tenant) {
    const FairQueue::Head head = queue_.Peek(At(0));
    ASSERT_EQ(head.tenant, tenant * 7);
    queue_.Remove(head.tenant, head.job, positions_);
  }
  EXPECT_TRUE(queue_.empty());
  queue_.Begin(FairQueue::Mode::kDeadlines);
  Push(1, 1, 5);
  EXPECT_EQ(queue_.Peek(At(0)).tenant, 1U);
}

TEST_F(FairQueueTest, AnEmptyQueueThatBeginsAnewHoldsNothingAgainstAnybody) {
  Push(0, 1, 1);
  EXPECT_EQ(Serve(100, 1), "0");
  EXPECT_TRUE(queue_.empty());
  EXPECT_FALSE(queue_.idle());
  queue_.Correct(0, kCost, 1000 * kCost);
  EXPECT_TRUE(queue_.idle());
  queue_.Begin(FairQueue::Mode::kDeadlines);
  for (uint32_t job = 0; job < 3; ++job) {
    Push(0, job, 1);
    Push(1, 20 + job, 2);
  }
  EXPECT_EQ(Serve(100, 4), "0101");
}

TEST_F(FairQueueTest, DeadlinesFarApartKeepTheirOrder) {
  queue_.Push(0, 1, {TimePoint::max()}, positions_);
  queue_.Push(0, 2, {TimePoint::min()}, positions_);
  queue_.Push(0, 3, {At(0)}, positions_);
  queue_.Push(0, 4, {At(-5)}, positions_);
  queue_.Push(0, 5, {TimePoint::max(), /*refresh=*/true}, positions_);
  std::string jobs;
  while (!queue_.empty()) {
    const FairQueue::Head head = queue_.Peek(At(1));
    jobs += std::to_string(head.job);
    queue_.Remove(head.tenant, head.job, positions_);
  }
  EXPECT_EQ(jobs, "52431");
}

TEST_F(FairQueueTest, MovingAndRemovingJobsKeepsTheOrder) {
  Push(0, 1, 50);
  Push(1, 2, 60);
  Push(2, 3, 70);
  queue_.Remove(2, 3, positions_);
  Push(2, 3, 10);
  EXPECT_EQ(queue_.Peek(At(0)).job, 3U);
  queue_.Remove(2, 3, positions_);
  EXPECT_EQ(queue_.Peek(At(0)).job, 1U);
  queue_.Remove(0, 1, positions_);
  EXPECT_EQ(queue_.Peek(At(0)).job, 2U);
  EXPECT_EQ(queue_.size(), 1U);
}

}  // namespace
}  // namespace mailhaul::scheduler
