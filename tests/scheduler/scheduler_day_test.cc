// Bytes per day.
#include "scheduler/day_budget.h"
#include "tests/scheduler/scheduler_fixture.h"

namespace mailhaul::scheduler {
namespace {

constexpr uint64_t kLimit = 1'000'000;

class DayBudgetTest : public testing::Test {
 protected:
  uint64_t Available(JobKind kind, Duration at) const {
    return budget_.Available(kind, kLimit, clock_, At(at));
  }
  TimePoint OpenAt(JobKind kind, Duration at) const {
    return budget_.OpenAt(kind, kLimit, clock_, At(at));
  }
  DayClock clock_;
  DayBudget budget_;
};

TEST_F(DayBudgetTest, NewMailMayUseTheWholeDayAndTheRestGrowsWithIt) {
  EXPECT_EQ(Available(JobKind::kNew, hours(0)), kLimit);
  EXPECT_EQ(Available(JobKind::kBackfill, hours(0)), 50'000U);
  EXPECT_EQ(Available(JobKind::kBackfill, hours(12)), 450'000U);
  EXPECT_EQ(Available(JobKind::kWindow, hours(24) - Duration(1)), 800'000U);
}

TEST_F(DayBudgetTest, WhatIsDrawnIsGoneUntilTheNextDay) {
  budget_.Draw(JobKind::kBackfill, 450'000, clock_, At(hours(12)));
  EXPECT_EQ(Available(JobKind::kBackfill, hours(12)), 0U);
  EXPECT_EQ(Available(JobKind::kNew, hours(12)), 550'000U);
  budget_.Draw(JobKind::kNew, 550'000, clock_, At(hours(13)));
  EXPECT_EQ(Available(JobKind::kNew, hours(23)), 0U);
  EXPECT_EQ(Available(JobKind::kBackfill, hours(23)), 0U);
  EXPECT_EQ(OpenAt(JobKind::kNew, hours(23)), At(hours(24)));
  EXPECT_EQ(OpenAt(JobKind::kBackfill, hours(23)), At(hours(24)));
  EXPECT_EQ(Available(JobKind::kNew, hours(24)), kLimit);
}

TEST_F(DayBudgetTest, TheTimeNamedForBackfillIsWhenItMayDrawAgainAndNotMuchLater) {
  for (int hour = 0; hour < 23; ++hour) {
    const uint64_t available = Available(JobKind::kBackfill, hours(hour));
    budget_.Draw(JobKind::kBackfill, available, clock_, At(hours(hour)));
    const TimePoint at = OpenAt(JobKind::kBackfill, hours(hour));
    ASSERT_GT(at, At(hours(hour)));
    ASSERT_LT(at, At(hours(hour) + minutes(15)));
    ASSERT_EQ(budget_.OpenAt(JobKind::kBackfill, kLimit, clock_, at), TimePoint::min());
    ASSERT_GT(budget_.OpenAt(JobKind::kBackfill, kLimit, clock_, at - seconds(3)),
              TimePoint::min());
  }
}

TEST_F(DayBudgetTest, AClockSetBackGivesNothingTwice) {
  budget_.Draw(JobKind::kNew, kLimit, clock_, At(hours(25)));
  EXPECT_EQ(Available(JobKind::kNew, hours(23)), 0U);
  clock_.Set(At(hours(26)), 0, hours(23));
  EXPECT_EQ(Available(JobKind::kNew, hours(26)), 0U);
}

TEST_F(DayBudgetTest, RestoringCountsOnce) {
  budget_.Draw(JobKind::kNew, 100, clock_, At(hours(1)));
  budget_.Restore({0, 5'000, 7'000});
  budget_.Restore({0, 5'000, 7'000});
  EXPECT_EQ(budget_.use(), (DayUse{0, 5'000, 7'000}));
  budget_.Restore({4, 1, 2});
  EXPECT_EQ(budget_.use(), (DayUse{4, 1, 2}));
  budget_.Restore({3, 9'000, 9'000});
  EXPECT_EQ(budget_.use(), (DayUse{4, 1, 2}));
}

TEST_F(DayBudgetTest, SmallAndHugeLimitsDoNotOverflow) {
  for (const uint64_t limit : {uint64_t{1}, uint64_t{7}, UINT64_MAX}) {
    DayBudget budget;
    for (int hour = 0; hour < 48; ++hour) {
      const TimePoint now = At(hours(hour));
      const uint64_t available = budget.Available(JobKind::kBackfill, limit, clock_, now);
      ASSERT_LE(available, limit);
      budget.Draw(JobKind::kBackfill, available, clock_, now);
      ASSERT_GE(budget.OpenAt(JobKind::kBackfill, limit, clock_, now), TimePoint::min());
    }
  }
}

class SchedulerDayTest : public SchedulerTest {
 protected:
  SchedulerDayTest() {
    HostLimits limits{10, 1000};
    limits.bytes_per_day = kLimit;
    host_ = AddHost(limits);
    AddBoxes(1, 4, host_);
    scheduler_.SetDay(At(hours(100)), 20'000, hours(12));
  }
  HostId host_;
};

TEST_F(SchedulerDayTest, AnExhaustedKindWaitsForTheDayAndTheOtherGoesOn) {
  Submit(1, JobKind::kBackfill, TimePoint::max());
  Submit(2, JobKind::kBackfill, TimePoint::max());
  const TimePoint noon = At(hours(100));
  const Grant grant = MustTake(noon);
  EXPECT_EQ(grant.slice_bytes, 450'000U);
  EXPECT_EQ(scheduler_.DrawBytes(grant, noon, 400'000), 400'000U);
  EXPECT_EQ(scheduler_.DrawBytes(grant, noon, 400'000), 50'000U);
  scheduler_.Finish(grant, noon, Status::Ok());
  EXPECT_FALSE(scheduler_.Take(noon).has_value());
  EXPECT_EQ(scheduler_.Pool(0, noon).cause, WaitCause::kDayLimit);
  const TimePoint wake = scheduler_.NextWake(noon);
  EXPECT_GT(wake, noon);
  EXPECT_LT(wake, noon + minutes(15));
  Submit(3, JobKind::kNew, At(hours(101)));
  const Grant check = MustTake(noon);
  EXPECT_EQ(check.job.kind, JobKind::kNew);
  EXPECT_EQ(scheduler_.DrawBytes(check, noon, 999'999), 550'000U);
  scheduler_.Finish(check, noon, Status::Ok());
  Submit(3, JobKind::kNew, At(hours(101)));
  EXPECT_FALSE(scheduler_.Take(wake).has_value()) << "nothing is left";
  EXPECT_EQ(scheduler_.NextWake(wake), At(hours(112)));
  EXPECT_EQ(MustTake(At(hours(112))).job.kind, JobKind::kNew);
}

TEST_F(SchedulerDayTest, ASliceEndsWhenTheDaysBytesDo) {
  const TimePoint noon = At(hours(100));
  Submit(1, JobKind::kBackfill, TimePoint::max());
  const Grant grant = MustTake(noon);
  EXPECT_EQ(scheduler_.DrawBytes(grant, noon, 450'000), 450'000U);
  Submit(1, JobKind::kBackfill, TimePoint::max());
  EXPECT_FALSE(scheduler_.TryContinue(grant, noon).has_value());
  scheduler_.ReturnBytes(grant, noon, 100'000);
  EXPECT_TRUE(scheduler_.TryContinue(grant, noon).has_value());
}

TEST_F(SchedulerDayTest, WhatWasDrawnBeforeMidnightGivesNothingBackAfterIt) {
  const TimePoint evening = At(hours(111));
  const TimePoint morning = At(hours(112));
  scheduler_.SetMailboxBytesPerDay(Box(1), 700'000);
  SubmitEach(1, 2, JobKind::kNew, evening);
  const std::vector<Grant> grants = TakeAll(evening);
  ASSERT_EQ(grants.size(), 2U);
  EXPECT_EQ(scheduler_.DrawBytes(grants[0], evening, 600'000), 600'000U);
  EXPECT_EQ(scheduler_.DrawBytes(grants[1], morning, 800'000), 800'000U);
  scheduler_.ReturnBytes(grants[0], morning, 500'000);
  EXPECT_EQ(scheduler_.PoolDayUse(host_, 0), (DayUse{20'001, 800'000, 0}));
  EXPECT_EQ(scheduler_.DrawBytes(grants[0], morning, 100'000), 100'000U);
  scheduler_.ReturnBytes(grants[0], morning, 500'000);
  EXPECT_EQ(scheduler_.PoolDayUse(host_, 0), (DayUse{20'001, 800'000, 0}));
  EXPECT_EQ(scheduler_.MailboxDayUse(Box(1)), (DayUse{20'001, 0, 0}));
  EXPECT_EQ(scheduler_.DrawBytes(grants[1], morning, 500'000), 200'000U);
}

TEST_F(SchedulerDayTest, WhatTheDayDoesNotAllowIsInNeedOfNoConnection) {
  const TimePoint noon = At(hours(100));
  HostLimits limits{1, 1000};
  limits.bytes_per_day = kLimit;
  scheduler_.AddHost("imap.example.com", limits);
  Submit(1, JobKind::kNew, noon);
  const Grant held = MustTake(noon);
  Submit(2, JobKind::kBackfill, TimePoint::max());
  EXPECT_EQ(scheduler_.Shortage(held, noon), 1U);
  scheduler_.RestorePoolDayUse(host_, 0, {20'000, 0, 450'000});
  EXPECT_EQ(scheduler_.Shortage(held, noon), 0U);
  Submit(3, JobKind::kNew, noon);
  EXPECT_EQ(scheduler_.Shortage(held, noon), 1U);
}

TEST_F(SchedulerDayTest, WhatWasDrawnBeforeARestartCounts) {
  scheduler_.RestorePoolDayUse(host_, 0, {20'000, 0, 449'999});
  EXPECT_EQ(scheduler_.PoolDayUse(host_, 0), (DayUse{20'000, 0, 449'999}));
  Submit(1, JobKind::kBackfill, TimePoint::max());
  EXPECT_FALSE(scheduler_.Take(At(hours(100))).has_value());
  Submit(1, JobKind::kNew, At(hours(100)));
  EXPECT_TRUE(scheduler_.Take(At(hours(100))).has_value());
}

TEST_F(SchedulerDayTest, AMailboxMayHaveALimitOfItsOwn) {
  const TimePoint noon = At(hours(100));
  scheduler_.SetMailboxBytesPerDay(Box(1), 1000);
  Submit(1, JobKind::kNew, noon);
  const Grant grant = MustTake(noon);
  EXPECT_EQ(scheduler_.DrawBytes(grant, noon, 5000), 1000U);
  Submit(1, JobKind::kNew, noon);
  EXPECT_FALSE(scheduler_.TryContinue(grant, noon).has_value());
  scheduler_.Finish(grant, noon, Status::Ok());
  EXPECT_EQ(scheduler_.MailboxDayUse(Box(1)), (DayUse{20'000, 1000, 0}));
  EXPECT_FALSE(scheduler_.Take(noon).has_value());
  EXPECT_EQ(scheduler_.Explain(Box(1), noon).cause, WaitCause::kDayLimit);
  EXPECT_EQ(scheduler_.NextWake(noon), At(hours(112)));
  Submit(2, JobKind::kNew, noon);
  EXPECT_EQ(MustTake(noon).job.mailbox, Box(2));
  EXPECT_EQ(MustTake(At(hours(112))).job.mailbox, Box(1));
}

}  // namespace
}  // namespace mailhaul::scheduler
