// Evidence: why a mailbox waits, what pools and tenants count.
#include "scheduler/lag_histogram.h"
#include "tests/scheduler/scheduler_fixture.h"

namespace mailhaul::scheduler {
namespace {

class SchedulerExplainTest : public SchedulerTest {
 protected:
  WaitCause Cause(uint64_t box, TimePoint now) {
    const Explanation why = scheduler_.Explain(Box(box), now);
    EXPECT_EQ(why.text.back(), '.') << ToString(why.cause);
    return why.cause;
  }
};

TEST_F(SchedulerExplainTest, EveryCauseHasItsName) {
  std::vector<std::string_view> names;
  for (size_t i = 0; i < kWaitCauseCount; ++i) {
    names.push_back(ToString(static_cast<WaitCause>(i)));
    EXPECT_FALSE(names.back().empty());
  }
  EXPECT_EQ(names.front(), "none");
  EXPECT_EQ(names.back(), "behind_others");
}

TEST_F(SchedulerExplainTest, AMailboxesOwnReasonsToWait) {
  AddBoxes(1, 2, AddHost(kWideLimits));
  EXPECT_EQ(scheduler_.Explain(Box(99), At(seconds(0))).text, "It is not scheduled.");
  EXPECT_EQ(Cause(1, At(seconds(0))), WaitCause::kNothingQueued);
  Submit(1, JobKind::kNew, At(seconds(60)), At(seconds(50)));
  const Explanation early = scheduler_.Explain(Box(1), At(seconds(20)));
  EXPECT_EQ(early.cause, WaitCause::kNotDue);
  EXPECT_EQ(early.until, At(seconds(50)));
  EXPECT_EQ(early.text, "It is not due yet, for 30 s more.");
  EXPECT_EQ(Cause(1, At(seconds(50))), WaitCause::kNone);
  const Grant grant = MustTake(At(seconds(50)));
  EXPECT_EQ(Cause(1, At(seconds(50))), WaitCause::kRunning);
  Submit(1, JobKind::kNew, At(seconds(60)));
  scheduler_.Finish(grant, At(seconds(51)), Failure(Code::kServerRefused));
  const Explanation failed = scheduler_.Explain(Box(1), At(seconds(51)));
  EXPECT_EQ(failed.cause, WaitCause::kBackoff);
  EXPECT_EQ(failed.limit, 1U);
  EXPECT_EQ(failed.until, scheduler_.BackoffUntil(Box(1)));
}

TEST_F(SchedulerExplainTest, APoolsReasonsToWait) {
  AddBoxes(1, 9, AddHost({2, 3}));
  SubmitEach(1, 9, JobKind::kNew, At(hours(1)));
  EXPECT_EQ(Cause(9, At(seconds(0))), WaitCause::kBehindOthers);
  EXPECT_EQ(scheduler_.Explain(Box(9), At(seconds(0))).ahead, 8U);
  std::vector<Grant> grants = TakeAll(At(seconds(0)));
  const Explanation full = scheduler_.Explain(Box(9), At(seconds(0)));
  EXPECT_EQ(full.cause, WaitCause::kPoolFull);
  EXPECT_EQ(full.limit, 2U);
  EXPECT_EQ(full.text, "All 2 connections to the host are in use; 6 jobs may go before it.");
  FinishAll(grants, At(seconds(0)), Status::Ok());
  grants = TakeAll(At(seconds(0)));
  scheduler_.Finish(grants[0], At(seconds(0)), Status::Ok());
  const Explanation rate = scheduler_.Explain(Box(9), At(milliseconds(200)));
  EXPECT_EQ(rate.cause, WaitCause::kLoginRate);
  EXPECT_EQ(rate.until, At(seconds(1)));
  Submit(4, JobKind::kNew, At(hours(1)));
  const Grant last = MustTake(At(seconds(1)));
  scheduler_.Finish(last, At(seconds(1)), Failure(Code::kThrottled).WithRetryAfter(seconds(30)));
  EXPECT_EQ(Cause(9, At(seconds(2))), WaitCause::kThrottled);
  const PoolStats stats = scheduler_.Pool(0, At(seconds(2)));
  EXPECT_EQ(stats.cause, WaitCause::kThrottled);
  EXPECT_EQ(stats.logins, 4U);
  EXPECT_EQ(stats.grants[Index(JobKind::kNew)], 4U);
  EXPECT_EQ(stats.throttles, 1U);
  EXPECT_EQ(stats.waits[static_cast<size_t>(WaitCause::kThrottled)], 1U);
  EXPECT_EQ(stats.waits[static_cast<size_t>(WaitCause::kLoginRate)], 1U);
  EXPECT_GE(stats.waits[static_cast<size_t>(WaitCause::kPoolFull)], 1U);
}

TEST_F(SchedulerExplainTest, AHostOutOfReachAndAFullAddress) {
  const HostId dead = AddHost({3, 1000}, "dead.example");
  AddBoxes(1, 9, dead);
  SubmitEach(1, 9, JobKind::kNew, At(hours(1)));
  FinishAll(TakeAll(At(seconds(0))), At(seconds(0)), Failure(Code::kTimeout));
  EXPECT_EQ(Cause(9, At(seconds(1))), WaitCause::kHostCircuit);
  EXPECT_TRUE(scheduler_.Pool(0, At(seconds(1))).open_circuit);
  EXPECT_EQ(scheduler_.Pool(0, At(seconds(1))).outages, 1U);
  scheduler_.AddEgress("192.0.2.1", 1);
  AddBoxes(11, 2, AddHost(kWideLimits, "live.example"));
  SubmitEach(11, 2, JobKind::kNew, At(seconds(0)));
  EXPECT_EQ(TakeAll(At(seconds(1))).size(), 1U);
  const Explanation why = scheduler_.Explain(Box(12), At(seconds(1)));
  EXPECT_EQ(why.cause, WaitCause::kEgressFull);
  EXPECT_EQ(why.limit, 1U);
  EXPECT_EQ(scheduler_.Pool(1, At(seconds(1))).cause, WaitCause::kEgressFull);
  EXPECT_EQ(scheduler_.Pool(1, At(seconds(1))).waits[static_cast<size_t>(WaitCause::kEgressFull)],
            1U);
}

TEST_F(SchedulerExplainTest, TenantsCountTheirChecksMissesTimeAndLag) {
  const HostId host = AddHost(kWideLimits);
  AddBoxes(1, 100, host, 7);
  for (uint64_t box = 1; box <= 100; ++box) {
    Submit(box, JobKind::kNew, At(seconds(box <= 95 ? 100 : 50)), At(seconds(60)));
  }
  FinishAll(TakeAll(At(seconds(60))), At(seconds(61)), Status::Ok());
  ASSERT_EQ(scheduler_.tenant_count(), 1U);
  const TenantStats stats = scheduler_.Tenant(0);
  EXPECT_EQ(stats.tenant, TenantId{7});
  EXPECT_EQ(stats.checks, 100U);
  EXPECT_EQ(stats.deadline_misses, 5U);
  EXPECT_EQ(stats.connection_time, Duration(seconds(100)));
  EXPECT_EQ(stats.lag_p50, Duration::zero());
  EXPECT_GE(stats.lag_p99, Duration(seconds(11)));
  EXPECT_LE(stats.lag_p99, Duration(seconds(11)) * 6 / 5);
  EXPECT_EQ(scheduler_.Lags(0).count(), 100U);
}

TEST(LagHistogramTest, PercentilesAreRightToAFifth) {
  LagHistogram lags;
  EXPECT_EQ(lags.Percentile(0.99), Duration::zero());
  for (int i = 1; i <= 10'000; ++i) {
    lags.Record(milliseconds(i));
  }
  for (const double part : {0.01, 0.1, 0.5, 0.9, 0.99, 1.0}) {
    const Duration exact = milliseconds(static_cast<int64_t>(part * 10'000));
    EXPECT_GE(lags.Percentile(part), exact) << part;
    EXPECT_LE(lags.Percentile(part), exact * 5 / 4) << part;
  }
}

TEST(LagHistogramTest, EveryLagFindsItsBucket) {
  for (size_t i = 1; i < LagHistogram::kBuckets; ++i) {
    ASSERT_GT(LagHistogram::UpperBound(i), LagHistogram::UpperBound(i - 1));
    LagHistogram lags;
    lags.Record(LagHistogram::UpperBound(i));
    ASSERT_EQ(lags.bucket(i), 1U) << i;
    lags.Record(LagHistogram::UpperBound(i) + Duration(1));
    ASSERT_EQ(lags.bucket(std::min(i + 1, LagHistogram::kBuckets - 1)),
              i + 1 == LagHistogram::kBuckets ? 2U : 1U);
  }
  LagHistogram extreme;
  extreme.Record(Duration::max());
  extreme.Record(Duration::min());
  extreme.Record(Duration(1));
  EXPECT_EQ(extreme.bucket(0), 1U);
  EXPECT_EQ(extreme.bucket(1), 1U);
  EXPECT_EQ(extreme.bucket(LagHistogram::kBuckets - 1), 1U);
}

}  // namespace
}  // namespace mailhaul::scheduler
