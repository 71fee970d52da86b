#include "scheduler/fair_queue.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace mailhaul::scheduler {
namespace {

using std::chrono::seconds;

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

class FairQueueFreshnessTest : public FairQueueTest {
 protected:
  void Push(uint32_t lane, uint32_t job, Duration deadline, Duration freshness) {
    queue_.Push(lane, job, {TimePoint{} + deadline, /*refresh=*/false, freshness}, positions_);
  }
  // The jobs in the order in which they are served at `now`.
  std::vector<uint32_t> Jobs(Duration now) {
    std::vector<uint32_t> jobs;
    while (!queue_.empty()) {
      const FairQueue::Head head = queue_.Peek(TimePoint{} + now);
      queue_.Charge(head.tenant, head.rank, kCost, TimePoint{} + now);
      queue_.Remove(head.tenant, head.job, positions_);
      jobs.push_back(head.job);
    }
    return jobs;
  }
  using Order = std::vector<uint32_t>;
};

TEST_F(FairQueueFreshnessTest, OnTimeTheEarliestDeadlineGoesFirstWhateverTheFreshness) {
  Push(0, 1, seconds(40), seconds(3600));
  Push(0, 2, seconds(41), seconds(30));
  Push(0, 3, seconds(39), seconds(300));
  EXPECT_EQ(Jobs(seconds(39)), (Order{3, 1, 2}));
}

TEST_F(FairQueueFreshnessTest, OfTheLateTheLatestInProportionGoesFirst) {
  Push(0, 1, seconds(0), seconds(3600));  // Late by 1/36.
  Push(0, 2, seconds(80), seconds(30));   // By 2/3.
  Push(0, 3, seconds(10), seconds(300));  // By 3/10.
  Push(0, 4, seconds(60), seconds(0));    // By 2/3 of a minute, and not the first by its number.
  Push(0, 5, seconds(99), seconds(0));
  EXPECT_EQ(Jobs(seconds(100)), (Order{2, 4, 3, 1, 5}));
}

TEST_F(FairQueueFreshnessTest, WhatIsLateGoesBeforeWhatIsNot) {
  Push(0, 1, seconds(101), seconds(1));
  Push(0, 2, seconds(99), seconds(3600));
  EXPECT_EQ(Jobs(seconds(100)), (Order{2, 1}));
}

TEST_F(FairQueueFreshnessTest, ALaneIsLateAsSoonAsAnyOfItsJobsIs) {
  Push(0, 1, seconds(200), seconds(30));
  Push(0, 2, seconds(99), seconds(3600));
  Push(1, 3, seconds(110), seconds(30));
  EXPECT_EQ(Jobs(seconds(100)), (Order{2, 3, 1}));
}

TEST_F(FairQueueFreshnessTest, ALittleLaterTheOrderIsAnother) {
  Push(0, 1, seconds(0), seconds(300));
  Push(0, 2, seconds(90), seconds(30));
  EXPECT_EQ(queue_.Peek(At(0) + seconds(91)).job, 1U) << "91/300 against 1/30";
  EXPECT_EQ(queue_.Peek(At(0) + seconds(120)).job, 2U) << "120/300 against 30/30";
}

TEST_F(FairQueueFreshnessTest, ARefreshGoesBeforeWhateverIsLate) {
  Push(0, 1, seconds(1), seconds(1));
  const JobRank refresh{TimePoint{} + seconds(900), /*refresh=*/true, seconds(300)};
  queue_.Push(0, 2, refresh, positions_);
  EXPECT_EQ(Jobs(seconds(100)), (Order{2, 1}));
}

TEST_F(FairQueueFreshnessTest, ARivalOfTheSameLaneGoesBeforeIfItIsLaterInProportion) {
  const TimePoint now = TimePoint{} + seconds(100);
  Push(0, 1, seconds(90), seconds(30));
  EXPECT_TRUE(queue_.GoesBefore(0, {TimePoint{} + seconds(50), false, seconds(300)}, now));
  EXPECT_FALSE(queue_.GoesBefore(0, {TimePoint{} + seconds(95), false, seconds(10)}, now));
  EXPECT_FALSE(queue_.GoesBefore(0, {TimePoint{} + seconds(90), false, seconds(30)}, now)) << "tie";
}

TEST_F(FairQueueFreshnessTest, LinesAreFoundAndUsedAgain) {
  uint32_t job = 0;
  for (int round = 0; round < 3; ++round) {
    for (uint32_t lane = 0; lane < 3; ++lane) {
      for (int octave = 0; octave < 10; ++octave) {
        Push(lane, job, seconds(1000 + job % 7), seconds(1 << octave));
        ++job;
      }
    }
    while (job > 0) {
      --job;
      queue_.Remove(job / 10, job, positions_);
    }
    EXPECT_TRUE(queue_.empty());
  }
  Push(2, 1, seconds(10), seconds(64));
  Push(2, 2, seconds(9), seconds(4));
  EXPECT_EQ(Jobs(seconds(0)), (Order{2, 1}));
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
