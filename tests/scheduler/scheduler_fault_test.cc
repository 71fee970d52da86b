// Throttling, outages and bad credentials.
#include "tests/scheduler/scheduler_fixture.h"

namespace mailhaul::scheduler {
namespace {

using SchedulerFaultTest = SchedulerTest;

TEST_F(SchedulerFaultTest, AMailboxBacksOffLongerWithEachFailureAndSuccessClearsIt) {
  AddBoxes(1, 2, AddHost(kWideLimits));
  TimePoint now = At(seconds(0));
  Duration before = Duration::zero();
  for (uint32_t failures = 1; failures <= 4; ++failures) {
    Submit(1, JobKind::kNew, At(hours(9)));
    scheduler_.Finish(MustTake(now), now, Failure(Code::kServerRefused));
    EXPECT_EQ(scheduler_.ConsecutiveFailures(Box(1)), failures);
    const Duration delay = scheduler_.BackoffUntil(Box(1)) - now;
    EXPECT_GE(delay, Options{}.backoff_min);
    EXPECT_GT(delay, before);
    before = delay;
    Submit(1, JobKind::kNew, At(hours(9)));
    EXPECT_FALSE(scheduler_.Take(now).has_value());
    EXPECT_EQ(scheduler_.NextWake(now), now + delay);
    now += delay;
  }
  scheduler_.Finish(MustTake(now), now, Status::Ok());
  EXPECT_EQ(scheduler_.ConsecutiveFailures(Box(1)), 0U);
  EXPECT_LE(scheduler_.BackoffUntil(Box(1)), now);
}

TEST_F(SchedulerFaultTest, TheBackoffOfAMailboxIsBounded) {
  AddBox(1, AddHost(kWideLimits));
  TimePoint now = At(seconds(0));
  for (int i = 0; i < 100; ++i) {
    Submit(1, JobKind::kNew, TimePoint::max());
    scheduler_.Finish(MustTake(now), now, Failure(Code::kServerRefused));
    ASSERT_LE(scheduler_.BackoffUntil(Box(1)) - now, Options{}.backoff_max);
    now = scheduler_.BackoffUntil(Box(1));
  }
}

TEST_F(SchedulerFaultTest, BadCredentialsHoldOnlyTheirOwnMailboxBack) {
  AddBoxes(1, 20, AddHost({1, 1000}));
  SubmitEach(1, 20, JobKind::kNew, At(hours(1)));
  for (int i = 0; i < 20; ++i) {
    const Status outcome = i % 5 == 0 ? Failure(Code::kAuthFailed) : Status::Ok();
    scheduler_.Finish(MustTake(At(seconds(0))), At(seconds(0)), outcome);
  }
  EXPECT_LE(scheduler_.Pool(0, At(seconds(0))).blocked_until, At(seconds(0)));
}

TEST_F(SchedulerFaultTest, CancellingChangesNothing) {
  AddBox(1, AddHost({4, 1000}));
  Submit(1, JobKind::kNew, At(hours(1)));
  scheduler_.Finish(MustTake(At(seconds(0))), At(seconds(0)), Failure(Code::kCancelled));
  EXPECT_EQ(scheduler_.ConsecutiveFailures(Box(1)), 0U);
  EXPECT_EQ(scheduler_.Pool(0, At(seconds(0))).connections_max, 4U);
  Submit(1, JobKind::kNew, At(hours(1)));
  EXPECT_TRUE(scheduler_.Take(At(seconds(0))).has_value());
}

TEST_F(SchedulerFaultTest, ThrottlingHalvesThePoolAndBlocksItAsLongAsTheServerAsks) {
  AddBoxes(1, 20, AddHost({8, 1000}));
  SubmitEach(1, 20, JobKind::kNew, At(hours(1)));
  const std::vector<Grant> grants = TakeAll(At(seconds(0)));
  ASSERT_EQ(grants.size(), 8U);
  FinishAll(grants, At(seconds(1)), Failure(Code::kThrottled).WithRetryAfter(seconds(30)));
  const PoolStats stats = scheduler_.Pool(0, At(seconds(1)));
  EXPECT_EQ(stats.connections_max, 4U) << "one narrowing for what was under way together";
  EXPECT_EQ(stats.blocked_until, At(seconds(31)));
  EXPECT_FALSE(scheduler_.Take(At(seconds(30))).has_value());
  EXPECT_EQ(scheduler_.NextWake(At(seconds(30))), At(seconds(31)));
  EXPECT_EQ(TakeAll(At(seconds(31))).size(), 4U);
}

TEST_F(SchedulerFaultTest, AServerCannotDisableItsPoolForGood) {
  AddBox(1, AddHost({1, 1000}));
  Submit(1, JobKind::kNew, At(hours(1)));
  const Grant grant = MustTake(At(seconds(0)));
  scheduler_.Finish(grant, At(seconds(0)),
                    Failure(Code::kThrottled).WithRetryAfter(milliseconds::max()));
  Submit(1, JobKind::kNew, At(hours(1)));
  EXPECT_FALSE(scheduler_.Take(At(hours(23))).has_value());
  EXPECT_TRUE(scheduler_.Take(At(hours(24))).has_value());
}

TEST_F(SchedulerFaultTest, AThrottledPoolGrowsByOneAfterAsManySuccessesAsItIsWide) {
  AddBoxes(1, 2, AddHost({4, 1000}));
  TimePoint now = At(seconds(0));
  Submit(1, JobKind::kNew, TimePoint::max());
  scheduler_.Finish(MustTake(now), now, Failure(Code::kThrottled));
  now = scheduler_.NextWake(now) == TimePoint::max() ? scheduler_.Pool(0, now).blocked_until
                                                     : scheduler_.NextWake(now);
  // Back to the four that were refused only after twice as many.
  const std::vector<uint32_t> expected = {2, 3, 3, 3, 3, 3, 3, 4, 4, 4, 4, 4};
  for (const uint32_t connections : expected) {
    Submit(1, JobKind::kNew, TimePoint::max());
    scheduler_.Finish(MustTake(now), now, Status::Ok());
    EXPECT_EQ(scheduler_.Pool(0, now).connections_max, connections);
  }
}

TEST_F(SchedulerFaultTest, OfMailboxesThrottledTogetherNoneBacksOff) {
  AddBoxes(1, 4, AddHost({4, 1000}));
  TimePoint now = At(seconds(0));
  for (int time = 0; time < 5; ++time) {
    SubmitEach(1, 4, JobKind::kNew, TimePoint::max());
    std::vector<Grant> grants;
    while (std::optional<Grant> grant = scheduler_.Take(now)) {
      grants.push_back(*grant);
    }
    ASSERT_FALSE(grants.empty());
    FinishAll(grants, now, Failure(Code::kThrottled));
    // Only the first of them, which narrowed the pool, may be what the server is angry at.
    for (size_t i = 1; i < grants.size(); ++i) {
      EXPECT_LE(scheduler_.BackoffUntil(grants[i].job.mailbox), now);
      EXPECT_EQ(scheduler_.ConsecutiveFailures(grants[i].job.mailbox), 0U);
    }
    now = scheduler_.Pool(0, now).blocked_until;
  }
}

TEST_F(SchedulerFaultTest, ThrottlingWithoutAWaitBacksThePoolOffLongerEachTime) {
  AddBoxes(1, 50, AddHost({1, 1000}));
  SubmitEach(1, 50, JobKind::kNew, TimePoint::max());
  TimePoint now = At(seconds(0));
  Duration before = Duration::zero();
  for (int i = 0; i < 5; ++i) {
    scheduler_.Finish(MustTake(now), now, Failure(Code::kThrottled));
    const TimePoint until = scheduler_.Pool(0, now).blocked_until;
    EXPECT_GT(until - now, before);
    EXPECT_LE(until - now, Options{}.backoff_max);
    EXPECT_EQ(scheduler_.Pool(0, now).connections_max, 1U);
    before = until - now;
    now = until;
  }
}

TEST_F(SchedulerFaultTest, ADeadHostWithManyMailboxesCostsOneProbePerBackoff) {
  constexpr uint64_t kBoxes = 5000;
  AddBoxes(1, kBoxes, AddHost({10, 1000}));
  SubmitEach(1, kBoxes, JobKind::kNew, TimePoint::max());
  TimePoint now = At(seconds(0));
  uint64_t attempts = 0;
  while (now < At(hours(2))) {
    for (const Grant& grant : TakeAll(now)) {
      ++attempts;
      scheduler_.Finish(grant, now, Failure(Code::kUnreachable));
      Submit(grant.job.mailbox.value, JobKind::kNew, TimePoint::max());
    }
    const TimePoint next = scheduler_.NextWake(now);
    ASSERT_GT(next, now);
    now = next;
  }
  EXPECT_LE(attempts, 10U + 8U + 12U) << "the first burst, the doubling, then four an hour";
  EXPECT_GE(attempts, 10U);
}

TEST_F(SchedulerFaultTest, OneAnsweredProbeOpensThePoolAgain) {
  AddBoxes(1, 30, AddHost({10, 1000}));
  SubmitEach(1, 30, JobKind::kNew, TimePoint::max());
  FinishAll(TakeAll(At(seconds(0))), At(seconds(0)), Failure(Code::kTimeout));
  const TimePoint later = scheduler_.Pool(0, At(seconds(0))).blocked_until;
  EXPECT_GT(later, At(seconds(0)));
  const std::vector<Grant> probe = TakeAll(later);
  ASSERT_EQ(probe.size(), 1U);
  scheduler_.Finish(probe[0], later, Status::Ok());
  std::vector<Grant> grants = TakeAll(later);
  EXPECT_EQ(grants.size(), 2U) << "gradually";
  FinishAll(grants, later, Status::Ok());
  grants = TakeAll(later);
  EXPECT_EQ(grants.size(), 4U);
}

TEST_F(SchedulerFaultTest, FailuresWithASuccessBetweenThemDoNotBlockThePool) {
  AddBoxes(1, 20, AddHost({1, 1000}));
  SubmitEach(1, 20, JobKind::kNew, TimePoint::max());
  for (int i = 0; i < 18; ++i) {
    const Status outcome = i % 3 == 2 ? Status::Ok() : Failure(Code::kUnreachable);
    scheduler_.Finish(MustTake(At(seconds(0))), At(seconds(0)), outcome);
  }
  EXPECT_LE(scheduler_.Pool(0, At(seconds(0))).blocked_until, At(seconds(0)));
}

TEST_F(SchedulerFaultTest, ATroubledHostDoesNotTouchAnother) {
  const HostId dead = AddHost(kWideLimits, "dead.example");
  const HostId live = AddHost(kWideLimits, "live.example");
  AddBoxes(1, 5, dead);
  AddBoxes(6, 5, live);
  SubmitEach(1, 5, JobKind::kNew, At(seconds(1)));
  FinishAll(TakeAll(At(seconds(0))), At(seconds(0)), Failure(Code::kTlsFailed));
  SubmitEach(1, 10, JobKind::kNew, At(seconds(1)));
  const std::vector<Grant> grants = TakeAll(At(seconds(0)));
  EXPECT_EQ(grants.size(), 5U);
  for (const Grant& grant : grants) {
    EXPECT_EQ(grant.host, live);
  }
}

}  // namespace
}  // namespace mailhaul::scheduler
