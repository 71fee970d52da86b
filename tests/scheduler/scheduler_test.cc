// Order, limits and bookkeeping.
#include "scheduler/scheduler.h"

#include <map>
#include <set>

#include "tests/scheduler/scheduler_fixture.h"

namespace mailhaul::scheduler {
namespace {

using Order = std::vector<uint64_t>;

TEST_F(SchedulerTest, MoreUrgentKindsGoFirstWhateverTheirDeadlines) {
  const HostId host = AddHost(kWideLimits);
  AddBoxes(1, 3, host);
  Submit(1, JobKind::kBackfill, At(seconds(1)));
  Submit(2, JobKind::kWindow, At(seconds(2)));
  Submit(3, JobKind::kNew, At(seconds(3)));
  EXPECT_EQ(ServeAll(At(seconds(0))), (Order{3, 2, 1}));
}

TEST_F(SchedulerTest, TheEarliestDeadlineGoesFirstWithinAKind) {
  const HostId host = AddHost(kWideLimits);
  AddBoxes(1, 3, host);
  Submit(1, JobKind::kNew, At(seconds(30)));
  Submit(2, JobKind::kNew, At(seconds(10)));
  Submit(3, JobKind::kNew, At(seconds(20)));
  EXPECT_EQ(ServeAll(At(seconds(0))), (Order{2, 3, 1}));
}

TEST_F(SchedulerTest, AJobIsNotGrantedBeforeItsTimeAndNextWakeNamesThatTime) {
  AddBox(1, AddHost(kWideLimits));
  Submit(1, JobKind::kNew, At(seconds(60)), At(seconds(10)));
  EXPECT_FALSE(scheduler_.Take(At(seconds(0))).has_value());
  EXPECT_EQ(scheduler_.NextWake(At(seconds(0))), At(seconds(10)));
  EXPECT_FALSE(scheduler_.Take(At(seconds(10)) - Duration(1)).has_value());
  EXPECT_TRUE(scheduler_.Take(At(seconds(10))).has_value());
}

TEST_F(SchedulerTest, NothingQueuedNeverWakes) {
  AddBox(1, AddHost(kWideLimits));
  EXPECT_EQ(scheduler_.NextWake(At(seconds(0))), TimePoint::max());
}

TEST_F(SchedulerTest, NextWakeIsNowWhileSomethingMayStart) {
  AddBox(1, AddHost(kWideLimits));
  Submit(1, JobKind::kNew, At(seconds(60)));
  EXPECT_EQ(scheduler_.NextWake(At(seconds(5))), At(seconds(5)));
}

TEST_F(SchedulerTest, OfOneMailboxAndKindTheEarlierTimesAreKept) {
  AddBox(1, AddHost(kWideLimits));
  Submit(1, JobKind::kNew, At(seconds(60)), At(seconds(10)));
  Submit(1, JobKind::kNew, At(seconds(90)), At(seconds(5)));
  EXPECT_EQ(scheduler_.queued(), 1U);
  EXPECT_EQ(scheduler_.NextWake(At(seconds(0))), At(seconds(5)));
  const Grant grant = MustTake(At(seconds(5)));
  EXPECT_EQ(grant.job.deadline, At(seconds(60)));
  EXPECT_EQ(scheduler_.queued(), 0U);
}

TEST_F(SchedulerTest, AnEarlierDeadlineMovesAReadyJobAhead) {
  AddBoxes(1, 2, AddHost(kWideLimits));
  Submit(1, JobKind::kNew, At(seconds(20)));
  Submit(2, JobKind::kNew, At(seconds(30)));
  EXPECT_EQ(scheduler_.NextWake(At(seconds(0))), At(seconds(0)));
  Submit(2, JobKind::kNew, At(seconds(0)));
  EXPECT_EQ(ServeAll(At(seconds(0))), (Order{2, 1}));
}

TEST_F(SchedulerTest, AMailboxIsNeverOutTwiceAndItsOtherJobsBlockNobody) {
  AddBoxes(1, 2, AddHost(kWideLimits));
  Submit(1, JobKind::kNew, At(seconds(1)));
  Submit(1, JobKind::kWindow, At(seconds(1)));
  Submit(1, JobKind::kBackfill, At(seconds(1)));
  Submit(2, JobKind::kBackfill, At(seconds(2)));
  const std::vector<Grant> first = TakeAll(At(seconds(0)));
  ASSERT_EQ(first.size(), 2U);
  EXPECT_EQ(first[0].job.mailbox, Box(1));
  EXPECT_EQ(first[0].job.kind, JobKind::kNew);
  EXPECT_EQ(first[1].job.mailbox, Box(2));
  scheduler_.Finish(first[0], At(seconds(1)), Status::Ok());
  EXPECT_EQ(MustTake(At(seconds(1))).job.kind, JobKind::kWindow);
  EXPECT_FALSE(scheduler_.Take(At(seconds(1))).has_value());
}

TEST_F(SchedulerTest, AJobSubmittedWhileItsMailboxIsOutWaitsForItsReturn) {
  AddBox(1, AddHost(kWideLimits));
  Submit(1, JobKind::kNew, At(seconds(1)));
  const Grant grant = MustTake(At(seconds(0)));
  Submit(1, JobKind::kNew, At(seconds(1)));
  EXPECT_FALSE(scheduler_.Take(At(seconds(1))).has_value());
  scheduler_.Finish(grant, At(seconds(2)), Status::Ok());
  EXPECT_TRUE(scheduler_.Take(At(seconds(2))).has_value());
}

TEST_F(SchedulerTest, APoolNeverHasMoreConnectionsThanItsHostAllows) {
  AddBoxes(1, 5, AddHost({2, 1000}));
  SubmitEach(1, 5, JobKind::kNew, At(seconds(1)));
  const std::vector<Grant> grants = TakeAll(At(seconds(0)));
  EXPECT_EQ(grants.size(), 2U);
  EXPECT_EQ(scheduler_.NextWake(At(seconds(0))), TimePoint::max());
  EXPECT_EQ(scheduler_.Pool(0, At(seconds(0))).waiting, 3U);
  EXPECT_EQ(scheduler_.Pool(0, At(seconds(0))).connections, 2U);
  scheduler_.Finish(grants[0], At(seconds(1)), Status::Ok());
  EXPECT_EQ(TakeAll(At(seconds(1))).size(), 1U);
}

TEST_F(SchedulerTest, LoginsAreLimitedInAnyWindowOfOneSecond) {
  AddBoxes(1, 5, AddHost({100, 2}));
  SubmitEach(1, 5, JobKind::kNew, At(hours(1)));
  EXPECT_TRUE(scheduler_.Take(At(milliseconds(0))).has_value());
  EXPECT_TRUE(scheduler_.Take(At(milliseconds(900))).has_value());
  EXPECT_FALSE(scheduler_.Take(At(milliseconds(950))).has_value());
  EXPECT_EQ(scheduler_.NextWake(At(milliseconds(950))), At(milliseconds(1000)));
  EXPECT_EQ(TakeAll(At(milliseconds(1000))).size(), 1U);
  EXPECT_EQ(scheduler_.NextWake(At(milliseconds(1000))), At(milliseconds(1900)));
  EXPECT_EQ(TakeAll(At(milliseconds(1900))).size(), 1U);
}

TEST_F(SchedulerTest, AnEgressAddressBoundsAllItsPoolsTogether) {
  Scheduler scheduler{Options{}};
  scheduler.AddEgress("192.0.2.1", 3);
  const HostId a = scheduler.AddHost("a.example", kWideLimits);
  const HostId b = scheduler.AddHost("b.example", kWideLimits);
  for (uint64_t box = 1; box <= 6; ++box) {
    ASSERT_TRUE(scheduler.AddMailbox(Box(box), TenantId{1}, box % 2 == 0 ? a : b).ok());
    ASSERT_TRUE(scheduler.Submit(Job{Box(box), JobKind::kNew, {}, At(seconds(1))}).ok());
  }
  std::vector<Grant> grants;
  while (std::optional<Grant> grant = scheduler.Take(At(seconds(0)))) {
    grants.push_back(*grant);
  }
  EXPECT_EQ(grants.size(), 3U);
  EXPECT_EQ(scheduler.NextWake(At(seconds(0))), TimePoint::max());
  scheduler.Finish(grants[0], At(seconds(0)), Status::Ok());
  EXPECT_TRUE(scheduler.Take(At(seconds(0))).has_value());
}

TEST_F(SchedulerTest, AcrossPoolsTheMostUrgentJobGoesFirst) {
  const HostId a = AddHost({1, 1000}, "a.example");
  const HostId b = AddHost({1, 1000}, "b.example");
  AddBoxes(1, 2, a);
  AddBoxes(3, 2, b);
  Submit(1, JobKind::kBackfill, At(seconds(1)));
  Submit(2, JobKind::kNew, At(seconds(30)));
  Submit(3, JobKind::kNew, At(seconds(20)));
  Submit(4, JobKind::kWindow, At(seconds(1)));
  const std::vector<Grant> grants = TakeAll(At(seconds(0)));
  ASSERT_EQ(grants.size(), 2U);
  EXPECT_EQ(grants[0].job.mailbox, Box(3));
  EXPECT_EQ(grants[1].job.mailbox, Box(2));
}

TEST_F(SchedulerTest, WorkOfEveryKindIsSliced) {
  AddBoxes(1, 3, AddHost(kWideLimits));
  Submit(1, JobKind::kNew, At(seconds(1)));
  Submit(2, JobKind::kWindow, At(seconds(1)));
  Submit(3, JobKind::kBackfill, At(seconds(1)));
  const std::vector<Grant> grants = TakeAll(At(seconds(0)));
  ASSERT_EQ(grants.size(), 3U);
  for (const Grant& grant : grants) {
    EXPECT_EQ(grant.slice, Options{}.backfill_slice);
    EXPECT_EQ(grant.slice_bytes, Options{}.backfill_slice_bytes);
  }
}

TEST_F(SchedulerTest, TheRestOfACheckGoesBehindWhatWasPromisedEarlier) {
  AddBoxes(1, 3, AddHost({1, 1000}));
  Submit(1, JobKind::kNew, At(seconds(1)));
  Submit(2, JobKind::kNew, At(seconds(20)));
  const Grant first = MustTake(At(seconds(0)));
  ASSERT_EQ(first.job.mailbox, Box(1));
  Submit(1, JobKind::kNew, At(seconds(5 + 30)), At(seconds(5)));
  EXPECT_FALSE(scheduler_.TryContinue(first, At(seconds(5))).has_value());
  scheduler_.Finish(first, At(seconds(5)), Status::Ok());
  EXPECT_EQ(ServeAll(At(seconds(5))), (std::vector<uint64_t>{2, 1}));
}

TEST_F(SchedulerTest, TheRestOfACheckKeepsItsConnectionIfNobodyWasPromisedMore) {
  AddBoxes(1, 2, AddHost({1, 1000}));
  Submit(1, JobKind::kNew, At(seconds(1)));
  Submit(2, JobKind::kNew, At(seconds(300)));
  const Grant first = MustTake(At(seconds(0)));
  Submit(1, JobKind::kNew, At(seconds(5 + 30)), At(seconds(5)));
  EXPECT_TRUE(scheduler_.TryContinue(first, At(seconds(5))).has_value());
}

TEST_F(SchedulerTest, OnlyACompleteCheckHasALagAndItCountsFromTheFirstPart) {
  AddBox(1, AddHost(kWideLimits));
  Submit(1, JobKind::kNew, At(seconds(10)));
  const Grant first = MustTake(At(seconds(10)));
  scheduler_.NotePromised(first, TimePoint::max());
  Submit(1, JobKind::kNew, At(seconds(115)), At(seconds(15)));
  const std::optional<Grant> rest = scheduler_.TryContinue(first, At(seconds(15)));
  ASSERT_TRUE(rest.has_value());
  EXPECT_EQ(scheduler_.Tenant(0).checks, 0U);
  scheduler_.NotePromised(*rest, first.job.deadline);
  scheduler_.Finish(*rest, At(seconds(20)), Status::Ok());
  EXPECT_EQ(scheduler_.Tenant(0).checks, 1U);
  EXPECT_GE(scheduler_.Tenant(0).lag_p50, seconds(10));
  EXPECT_LE(scheduler_.Tenant(0).lag_p50, seconds(12));
}

TEST_F(SchedulerTest, ASaturatedPoolStillGivesWindowAndBackfillTheirShare) {
  AddBoxes(1, 12, AddHost({1, 10'000}));
  std::map<JobKind, double> used;  // Seconds.
  Duration now{};
  while (now < hours(5)) {
    SubmitEach(1, 10, JobKind::kNew, At(hours(1)));
    Submit(11, JobKind::kWindow, At(hours(1)));
    Submit(12, JobKind::kBackfill, At(hours(1)));
    const Grant grant = MustTake(At(now));
    const bool check = grant.job.kind == JobKind::kNew;
    const Duration time = check ? Duration(milliseconds(425)) : Duration(seconds(5));
    used[grant.job.kind] += std::chrono::duration<double>(time).count();
    now += time;
    scheduler_.Finish(grant, At(now), Status::Ok());
  }
  EXPECT_NEAR(used[JobKind::kBackfill] / (5 * 3600), 0.05, 0.001);
  EXPECT_NEAR(used[JobKind::kWindow] / (5 * 3600), 0.05, 0.001);
}

TEST_F(SchedulerTest, APoolWithOnlyBackfillGetsItsShareOfAFullEgressAddress) {
  Scheduler scheduler{Options{}};
  scheduler.AddEgress("192.0.2.1", 1);
  const HostId busy = scheduler.AddHost("busy.example", kWideLimits);
  const HostId quiet = scheduler.AddHost("quiet.example", kWideLimits);
  ASSERT_TRUE(scheduler.AddMailbox(Box(1), TenantId{1}, busy).ok());
  ASSERT_TRUE(scheduler.AddMailbox(Box(2), TenantId{1}, quiet).ok());
  double backfill = 0;  // Seconds.
  Duration now{};
  while (now < hours(5)) {
    ASSERT_TRUE(scheduler.Submit(Job{Box(1), JobKind::kNew, {}, At(seconds(0))}).ok());
    ASSERT_TRUE(scheduler.Submit(Job{Box(2), JobKind::kBackfill, {}, At(hours(9))}).ok());
    const std::optional<Grant> grant = scheduler.Take(At(now));
    ASSERT_TRUE(grant.has_value());
    const bool slice = grant->job.kind == JobKind::kBackfill;
    backfill += slice ? 5 : 0;
    now += seconds(slice ? 5 : 1);
    scheduler.Finish(*grant, At(now), Status::Ok());
  }
  EXPECT_NEAR(backfill / (5 * 3600), 0.05, 0.001);
}

TEST_F(SchedulerTest, ManyLateJobsOfOneTenantDelayAnotherByOneTurn) {
  const HostId host = AddHost({1, 10'000});
  AddBoxes(1, 1000, host, 1);
  AddBoxes(2001, 5, host, 2);
  SubmitEach(1, 1000, JobKind::kNew, At(seconds(1)));
  SubmitEach(2001, 5, JobKind::kNew, At(seconds(1)));
  const Order order = ServeAll(At(seconds(2)));
  ASSERT_EQ(order.size(), 1005U);
  const auto others =
      std::count_if(order.begin(), order.begin() + 12, [](uint64_t box) { return box > 2000; });
  EXPECT_EQ(others, 5);
}

TEST_F(SchedulerTest, ManyEqualDeadlinesOfOneTenantDelayAnotherByOneTurn) {
  const HostId host = AddHost({1, 10'000});
  AddBoxes(1, 1000, host, 1);
  AddBoxes(2001, 5, host, 2);
  SubmitEach(1, 1000, JobKind::kBackfill, TimePoint::max());
  SubmitEach(2001, 5, JobKind::kBackfill, TimePoint::max());
  const Order order = ServeAll(At(seconds(2)));
  ASSERT_EQ(order.size(), 1005U);
  const auto others =
      std::count_if(order.begin(), order.begin() + 12, [](uint64_t box) { return box > 2000; });
  EXPECT_EQ(others, 5);
}

TEST_F(SchedulerTest, EveryMailboxStaysOnOneEgressAddressAndAllAreUsed) {
  Scheduler scheduler{Options{}};
  for (int i = 0; i < 4; ++i) {
    scheduler.AddEgress("192.0.2." + std::to_string(i), kWideEgress);
  }
  const HostId host = scheduler.AddHost("imap.example.com", kWideLimits);
  std::map<EgressId, int> boxes;
  for (uint64_t box = 1; box <= 400; ++box) {
    ASSERT_TRUE(scheduler.AddMailbox(Box(box), TenantId{1}, host).ok());
    EgressId before = 0;
    for (int round = 0; round < 2; ++round) {
      ASSERT_TRUE(scheduler.Submit(Job{Box(box), JobKind::kNew, {}, At(hours(1))}).ok());
      const std::optional<Grant> grant = scheduler.Take(At(seconds(0)));
      ASSERT_TRUE(grant.has_value());
      EXPECT_TRUE(round == 0 || grant->egress == before);
      before = grant->egress;
      scheduler.Finish(*grant, At(seconds(0)), Status::Ok());
    }
    ++boxes[before];
  }
  ASSERT_EQ(boxes.size(), 4U);
  for (const auto& [egress, count] : boxes) {
    EXPECT_GT(count, 60) << egress;
  }
  EXPECT_EQ(scheduler.pool_count(), 4U);
}

TEST_F(SchedulerTest, WrongUseOfMailboxesIsRefused) {
  const HostId host = AddHost(kWideLimits);
  AddBox(1, host);
  EXPECT_EQ(scheduler_.AddMailbox(Box(1), TenantId{1}, host).code(), Code::kAlreadyExists);
  EXPECT_EQ(scheduler_.AddMailbox(Box(2), TenantId{1}, 99).code(), Code::kInvalidArgument);
  EXPECT_EQ(scheduler_.AddMailbox(Box(0), TenantId{1}, host).code(), Code::kInvalidArgument);
  EXPECT_EQ(scheduler_.Submit(Job{Box(7), JobKind::kNew, {}, {}}).code(), Code::kNotFound);
  EXPECT_EQ(scheduler_.RemoveMailbox(Box(7)).code(), Code::kNotFound);
  Options small;
  small.mailboxes_max = 1;
  Scheduler full(small);
  EXPECT_EQ(full.AddMailbox(Box(1), TenantId{1}, full.AddHost("a", {})).code(),
            Code::kInvalidArgument)
      << "without an egress address";
  full.AddEgress("192.0.2.1", 1);
  EXPECT_TRUE(full.AddMailbox(Box(1), TenantId{1}, 0).ok());
  EXPECT_EQ(full.AddMailbox(Box(2), TenantId{1}, 0).code(), Code::kResourceExhausted);
}

TEST_F(SchedulerTest, ARemovedMailboxIsForgottenWithItsJobs) {
  const HostId host = AddHost(kWideLimits);
  AddBoxes(1, 2, host);
  Submit(1, JobKind::kNew, At(seconds(1)));
  Submit(1, JobKind::kBackfill, At(seconds(1)), At(hours(1)));
  const Grant grant = MustTake(At(seconds(0)));
  EXPECT_EQ(scheduler_.RemoveMailbox(Box(1)).code(), Code::kConflict);
  scheduler_.Finish(grant, At(seconds(1)), Status::Ok());
  ASSERT_TRUE(scheduler_.RemoveMailbox(Box(1)).ok());
  EXPECT_EQ(scheduler_.queued(), 0U);
  EXPECT_EQ(scheduler_.NextWake(At(seconds(1))), TimePoint::max());
  AddBox(3, host);
  Submit(3, JobKind::kNew, At(seconds(9)));
  EXPECT_EQ(MustTake(At(seconds(2))).job.mailbox, Box(3));
}

TEST_F(SchedulerTest, AKnownNameKeepsItsIdAndGetsTheNewLimits) {
  const HostId host = AddHost({1, 1000});
  AddBoxes(1, 5, host);
  SubmitEach(1, 5, JobKind::kNew, At(hours(1)));
  EXPECT_EQ(TakeAll(At(seconds(0))).size(), 1U);
  EXPECT_EQ(AddHost({3, 1000}), host);
  EXPECT_EQ(TakeAll(At(seconds(0))).size(), 2U);
  EXPECT_EQ(scheduler_.AddEgress("192.0.2.1", 4), 0U);
  EXPECT_EQ(AddHost(kWideLimits), host);
  EXPECT_EQ(TakeAll(At(seconds(0))).size(), 1U);
}

TEST_F(SchedulerTest, MissedDeadlinesAreCountedOnce) {
  AddBoxes(1, 2, AddHost(kWideLimits));
  Submit(1, JobKind::kNew, At(seconds(5)));
  Submit(2, JobKind::kNew, At(seconds(50)));
  ServeAll(At(seconds(10)));
  EXPECT_EQ(scheduler_.deadline_misses(), 1U);
}

using SchedulerDeathTest = SchedulerTest;

TEST_F(SchedulerDeathTest, GivingAGrantBackTwiceAborts) {
  AddBox(1, AddHost(kWideLimits));
  Submit(1, JobKind::kNew, At(seconds(5)));
  const Grant grant = MustTake(At(seconds(0)));
  scheduler_.Finish(grant, At(seconds(1)), Status::Ok());
  EXPECT_DEATH(scheduler_.Finish(grant, At(seconds(1)), Status::Ok()), "ticket");
}

}  // namespace
}  // namespace mailhaul::scheduler
