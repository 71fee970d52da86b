// Tenants' shares, refreshes, and what measured times and arrivals do to the order.
#include "scheduler/estimates.h"
#include "tests/scheduler/scheduler_fixture.h"
#include "tests/scheduler/virtual_load.h"

namespace mailhaul::scheduler {
namespace {

using Order = std::vector<uint64_t>;

class SchedulerShareTest : public SchedulerTest {
 protected:
  // `count` boxes of `tenant` from `first` on, each checked for `check` every `freshness`.
  void AddLoad(uint64_t first, uint64_t count, uint32_t tenant, Duration check, Duration freshness,
               JobKind kind = JobKind::kNew, bool refresh = false) {
    AddBoxes(first, count, host_, tenant);
    for (uint64_t box = first; box < first + count; ++box) {
      load_.Add(Box(box), TenantId{tenant}, check, freshness, kind, refresh);
    }
  }
  double Seconds(uint32_t tenant) const { return load_.SecondsOf(TenantId{tenant}); }

  const HostId host_ = AddHost({10, 10'000});
  VirtualLoad load_{scheduler_};
};

// 10 connections; the tenants ask for 5, 5 and 5 of them (150 %) and have weights 3, 2 and 1.
TEST_F(SchedulerShareTest, AtHalfTooMuchLoadEachTenantGetsItsWeightedShareOfTime) {
  scheduler_.SetTenantWeight(TenantId{1}, 2);
  scheduler_.SetTenantWeight(TenantId{2}, 2);
  AddLoad(1, 300, 1, seconds(1), seconds(60));
  AddLoad(1001, 75, 2, seconds(4), seconds(60));
  AddLoad(2001, 1200, 3, milliseconds(250), seconds(60));
  load_.Run(minutes(30));
  const double used = Seconds(1) + Seconds(2) + Seconds(3);
  EXPECT_NEAR(used, 10 * 30 * 60, 10 * 30 * 60 * 0.01);
  EXPECT_NEAR(Seconds(1) / used, 0.4, 0.4 * 0.05);
  EXPECT_NEAR(Seconds(2) / used, 0.4, 0.4 * 0.05);
  EXPECT_NEAR(Seconds(3) / used, 0.2, 0.2 * 0.05);
}

TEST_F(SchedulerShareTest, ATenantThatAsksForLessThanItsShareIsNotLateForTheOthers) {
  AddLoad(1, 1800, 1, seconds(1), seconds(60));
  AddLoad(5001, 60, 2, seconds(1), seconds(60));
  load_.Run(minutes(20));
  EXPECT_GT(load_.LatestOf(TenantId{1}), seconds(30));
  EXPECT_LT(load_.LatestOf(TenantId{2}), seconds(2));
}

// 10 connections; 75 ask for 2.5 of them and 7,500 for 12.5.
TEST_F(SchedulerShareTest, WhatIsMissingIsMissingFromEveryMailboxInProportionToItsFreshness) {
  AddLoad(1, 75, 1, seconds(1), seconds(30));
  AddLoad(1001, 7500, 1, seconds(1), minutes(10));
  load_.Run(hours(1));
  const auto checks = [this](uint64_t first, uint64_t count) {
    uint64_t all = 0;
    uint64_t least = UINT64_MAX;
    for (uint64_t box = first; box < first + count; ++box) {
      all += load_.ChecksOf(Box(box));
      least = std::min(least, load_.ChecksOf(Box(box)));
    }
    return std::make_pair(static_cast<double>(all) / static_cast<double>(count), least);
  };
  const auto active_before = checks(1, 75);
  const auto normal_before = checks(1001, 7500);
  load_.Run(hours(5));
  const auto active = checks(1, 75);
  const auto normal = checks(1001, 7500);
  // Everybody gets two thirds of what he was promised.
  EXPECT_NEAR((active.first - active_before.first) / (5 * 120), 2.0 / 3, 0.04);
  EXPECT_NEAR((normal.first - normal_before.first) / (5 * 6), 2.0 / 3, 0.04);
  EXPECT_GE(normal.second - normal_before.second, 5 * 6 / 2U) << "somebody was left out";
}

TEST_F(SchedulerShareTest, WhenTheOverloadEndsNobodyIsLateAnyMore) {
  AddLoad(1, 75, 1, seconds(1), seconds(30));
  AddLoad(1001, 7500, 1, seconds(1), minutes(10));
  load_.Run(hours(1));
  for (uint64_t box = 1001 + 3500; box < 1001 + 7500; ++box) {
    load_.End(Box(box));
  }
  load_.Run(hours(1));  // 83 % from now on.
  load_.ForgetLatest();
  load_.Run(hours(1));
  EXPECT_LE(load_.LatestOf(TenantId{1}), Duration::zero());
}

TEST_F(SchedulerShareTest, TheFreshnessOfTheEarlierDeadlineIsKept) {
  AddBoxes(1, 2, host_);
  const auto submit = [this](uint64_t box, TimePoint deadline, Duration freshness) {
    const Job job{Box(box), JobKind::kNew, {}, deadline, false, freshness};
    ASSERT_TRUE(scheduler_.Submit(job).ok());
  };
  submit(1, At(seconds(50)), minutes(5));
  submit(1, At(seconds(60)), seconds(30));
  EXPECT_EQ(scheduler_.Take(At(seconds(0)))->job.freshness, Duration(minutes(5)));
  submit(2, At(seconds(60)), minutes(5));
  submit(2, At(seconds(50)), seconds(30));
  EXPECT_EQ(scheduler_.Take(At(seconds(0)))->job.freshness, Duration(seconds(30)));
}

TEST_F(SchedulerShareTest, SlowMailboxesAreChargedToTheirTenant) {
  AddLoad(1, 100, 1, seconds(10), seconds(30));
  AddLoad(1001, 100, 2, milliseconds(500), seconds(3));
  load_.Run(minutes(30));
  EXPECT_NEAR(Seconds(1), Seconds(2), Seconds(1) * 0.05);
}

TEST_F(SchedulerShareTest, BackfillIsSharedByWeightThoughNothingIsLate) {
  scheduler_.SetTenantWeight(TenantId{1}, 3);
  AddLoad(1, 20, 1, seconds(2), Duration::zero(), JobKind::kBackfill);
  AddLoad(1001, 400, 2, seconds(5), Duration::zero(), JobKind::kBackfill);
  load_.Run(minutes(10));
  EXPECT_NEAR(Seconds(1) / (Seconds(1) + Seconds(2)), 0.75, 0.75 * 0.05);
}

TEST_F(SchedulerShareTest, ANewWeightCountsFromTheNextGrantOn) {
  AddLoad(1, 600, 1, seconds(1), seconds(60));
  AddLoad(1001, 600, 2, seconds(1), seconds(60));
  load_.Run(minutes(10));
  const double before = Seconds(1);
  EXPECT_NEAR(before, Seconds(2), before * 0.05);
  scheduler_.SetTenantWeight(TenantId{1}, 4);
  load_.Run(minutes(10));
  EXPECT_NEAR((Seconds(1) - before) / (10 * 600), 0.8, 0.8 * 0.05);
}

TEST_F(SchedulerShareTest, AHeldConnectionIsNotChargedForItsIdleTime) {
  const HostId host = AddHost({1, 1000}, "held.example");
  AddBoxes(5001, 1, host, 1);
  AddBoxes(5002, 1, host, 2);
  Submit(5001, JobKind::kNew, At(seconds(0)));
  const Grant grant = MustTake(At(seconds(10)));
  EXPECT_FALSE(scheduler_.TryContinue(grant, At(seconds(11))).has_value());
  scheduler_.Finish(grant, At(seconds(500)), Status::Ok());
  const PoolStats stats = scheduler_.Pool(0, At(seconds(500)));
  EXPECT_EQ(stats.service_time[Index(JobKind::kNew)], Duration(seconds(1)));
  EXPECT_EQ(scheduler_.Tenant(0).connection_time, Duration(seconds(1)));
}

TEST_F(SchedulerShareTest, ClosingAConnectionThatOthersWaitForIsCharged) {
  const HostId host = AddHost({1, 1000}, "closing.example");
  AddBoxes(5001, 1, host, 1);
  AddBoxes(5002, 1, host, 2);
  Submit(5001, JobKind::kNew, At(seconds(0)));
  const Grant grant = MustTake(At(seconds(10)));
  Submit(5002, JobKind::kNew, At(seconds(0)));
  EXPECT_FALSE(scheduler_.TryContinue(grant, At(seconds(12))).has_value());
  scheduler_.Finish(grant, At(seconds(15)), Status::Ok());
  EXPECT_EQ(scheduler_.Tenant(0).connection_time, Duration(seconds(5)));
}

TEST_F(SchedulerShareTest, ServiceTimesAreMeasuredPerKindFromWhatSucceeded) {
  AddBox(1, host_);
  EXPECT_EQ(scheduler_.pool_count(), 1U);
  EXPECT_EQ(scheduler_.Pool(0, At(seconds(0))).service_time[0], Duration::zero());
  Submit(1, JobKind::kNew, At(hours(1)));
  scheduler_.Finish(MustTake(At(seconds(0))), At(seconds(8)), Status::Ok());
  Submit(1, JobKind::kNew, At(hours(1)));
  scheduler_.Finish(MustTake(At(seconds(10))), At(seconds(10)), Status::Ok());
  Submit(1, JobKind::kNew, At(hours(1)));
  scheduler_.Finish(MustTake(At(seconds(10))), At(seconds(90)), Failure(Code::kAuthFailed));
  const PoolStats stats = scheduler_.Pool(0, At(seconds(90)));
  EXPECT_EQ(stats.service_time[Index(JobKind::kNew)], Duration(seconds(7)));
  EXPECT_EQ(stats.service_time[Index(JobKind::kBackfill)], Duration::zero());
}

TEST_F(SchedulerShareTest, ARefreshGoesBeforeOrdinaryChecksOfEveryTenant) {
  AddBoxes(1, 3, host_, 1);
  AddBoxes(11, 2, host_, 2);
  SubmitEach(1, 3, JobKind::kNew, At(seconds(1)));
  Submit(11, JobKind::kNew, At(seconds(2)));
  ASSERT_TRUE(
      scheduler_.Submit(Job{Box(12), JobKind::kNew, {}, At(seconds(60)), /*refresh=*/true}).ok());
  EXPECT_EQ(ServeAll(At(seconds(0))).front(), 12U) << "though all others are due earlier";
}

TEST_F(SchedulerShareTest, AQueuedCheckBecomesARefreshAndIsOneOnlyOnce) {
  AddBoxes(1, 2, host_);
  Submit(1, JobKind::kNew, At(seconds(1)));
  Submit(2, JobKind::kNew, At(seconds(2)));
  ASSERT_TRUE(scheduler_.Submit(Job{Box(2), JobKind::kNew, {}, At(seconds(9)), true}).ok());
  const Grant grant = MustTake(At(seconds(0)));
  EXPECT_EQ(grant.job.mailbox, Box(2));
  EXPECT_TRUE(grant.job.refresh);
  EXPECT_EQ(grant.job.deadline, At(seconds(2)));
  scheduler_.Finish(grant, At(seconds(0)), Status::Ok());
  Submit(2, JobKind::kNew, At(seconds(2)));
  EXPECT_EQ(ServeAll(At(seconds(0))), (Order{1, 2}));
}

TEST_F(SchedulerShareTest, AFloodOfRefreshesDelaysOnlyItsOwnTenant) {
  AddLoad(1, 2000, 1, seconds(1), seconds(10), JobKind::kNew, /*refresh=*/true);
  AddLoad(5001, 240, 2, seconds(1), seconds(60));
  load_.Run(minutes(20));
  EXPECT_NEAR(static_cast<double>(load_.ChecksOf(TenantId{2})), 20 * 240, 20 * 240 * 0.06);
  EXPECT_LT(load_.LatestOf(TenantId{2}), seconds(10));
}

TEST_F(SchedulerShareTest, OfLateMailboxesTheBusierGoesFirstButNotForEver) {
  AddBoxes(1, 2, host_);
  TimePoint now = At(seconds(1));
  for (int hour = 0; hour < 100; ++hour) {
    for (const uint64_t box : {1, 2}) {
      Submit(box, JobKind::kNew, now, now);
      const Grant grant = MustTake(now);
      scheduler_.NoteNewMail(grant, now, box == 2 ? 60 : 0);
      scheduler_.Finish(grant, now, Status::Ok());
    }
    now += hours(1);
  }
  EXPECT_EQ(scheduler_.MessagesPerHour(Box(1)), 0);
  EXPECT_GT(scheduler_.MessagesPerHour(Box(2)), 50);
  EXPECT_LE(scheduler_.MessagesPerHour(Box(2)), 60);
  const TimePoint due = now - minutes(10);
  Submit(1, JobKind::kNew, due, due - minutes(1));
  Submit(2, JobKind::kNew, due + seconds(5), due - minutes(1));
  EXPECT_EQ(ServeAll(now), (Order{2, 1}));
  Submit(1, JobKind::kNew, due, due - minutes(1));
  Submit(2, JobKind::kNew, due + Options{}.arrival_bonus_max + seconds(1), due - minutes(1));
  EXPECT_EQ(ServeAll(now), (Order{1, 2}));
}

TEST(EstimatesTest, TheMeanFollowsWhatIsMeasured) {
  MeanDuration mean;
  EXPECT_FALSE(mean.known());
  EXPECT_EQ(mean.value_or(seconds(3)), Duration(seconds(3)));
  for (int i = 0; i < 200; ++i) {
    mean.Record(seconds(i < 100 ? 10 : 2));
  }
  EXPECT_NEAR(std::chrono::duration<double>(mean.value()).count(), 2.0, 0.001);
}

TEST(EstimatesTest, WhatAMailboxHoldsAtFirstIsNoArrival) {
  ArrivalRate rate;
  rate.Record(100'000, At(seconds(5)));
  EXPECT_EQ(rate.per_hour(), 0);
  rate.Record(UINT32_MAX, At(seconds(5)));
  EXPECT_LT(rate.busyness(), 1.0);
  for (int day = 1; day < 30; ++day) {
    rate.Record(0, At(hours(24 * day)));
  }
  EXPECT_LT(rate.per_hour(), 0.001F);
}

}  // namespace
}  // namespace mailhaul::scheduler
