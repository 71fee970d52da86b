// Keeping a connection, and giving it up to whoever is more urgent.
#include "tests/scheduler/scheduler_fixture.h"

namespace mailhaul::scheduler {
namespace {

using SchedulerContinueTest = SchedulerTest;

TEST_F(SchedulerContinueTest, TheConnectionIsKeptForTheNextJobWithoutALogin) {
  AddBox(1, AddHost({1, 1}));
  Submit(1, JobKind::kNew, At(seconds(9)));
  Submit(1, JobKind::kBackfill, At(hours(9)));
  const Grant first = MustTake(At(seconds(0)));
  const std::optional<Grant> second = scheduler_.Continue(first, At(milliseconds(10)));
  ASSERT_TRUE(second.has_value());
  EXPECT_EQ(second->job.kind, JobKind::kBackfill);
  EXPECT_NE(second->ticket, first.ticket);
  EXPECT_EQ(scheduler_.granted(), 1U);
  EXPECT_EQ(scheduler_.Pool(0, At(milliseconds(10))).connections, 1U);
}

TEST_F(SchedulerContinueTest, NothingLeftGivesTheConnectionBack) {
  AddBox(1, AddHost({1, 1}));
  Submit(1, JobKind::kNew, At(seconds(9)));
  Submit(1, JobKind::kBackfill, At(hours(9)), At(minutes(1)));
  const Grant first = MustTake(At(seconds(0)));
  EXPECT_FALSE(scheduler_.Continue(first, At(seconds(1))).has_value());
  EXPECT_EQ(scheduler_.granted(), 0U);
  EXPECT_EQ(scheduler_.Pool(0, At(seconds(1))).connections, 0U);
}

TEST_F(SchedulerContinueTest, BackfillYieldsToAnotherMailboxesNewMailWhenNoConnectionIsFree) {
  AddBoxes(1, 2, AddHost({1, 1000}));
  Submit(1, JobKind::kBackfill, At(hours(9)));
  const Grant slice = MustTake(At(seconds(0)));
  Submit(1, JobKind::kBackfill, At(hours(9)));
  Submit(2, JobKind::kNew, At(hours(1)));
  EXPECT_FALSE(scheduler_.Continue(slice, At(seconds(5))).has_value());
  const Grant check = MustTake(At(seconds(5)));
  EXPECT_EQ(check.job.mailbox, Box(2));
  EXPECT_FALSE(scheduler_.Take(At(seconds(5))).has_value());
  scheduler_.Finish(check, At(seconds(6)), Status::Ok());
  EXPECT_EQ(MustTake(At(seconds(6))).job.mailbox, Box(1));
}

TEST_F(SchedulerContinueTest, BackfillGoesOnWhileAnotherConnectionIsFree) {
  AddBoxes(1, 2, AddHost({2, 1}));
  Submit(1, JobKind::kBackfill, At(hours(9)));
  const Grant slice = MustTake(At(seconds(0)));
  Submit(1, JobKind::kBackfill, At(hours(9)));
  Submit(2, JobKind::kNew, At(hours(1)));
  EXPECT_TRUE(scheduler_.Continue(slice, At(milliseconds(500))).has_value());
  EXPECT_EQ(MustTake(At(seconds(1))).job.mailbox, Box(2));
}

// 4 connections, 5 logins a second, checks of 0.4 s need 2 and a margin, and wait for logins.
TEST_F(SchedulerContinueTest, OnlyConnectionsThatChecksDoNotNeedGoOnWithBackfill) {
  AddBoxes(1, 1000, AddHost({4, 5}));
  SubmitEach(1, 4, JobKind::kNew, At(seconds(9)));
  const std::vector<Grant> checks = TakeAll(At(seconds(0)));
  ASSERT_EQ(checks.size(), 4U);
  SubmitEach(1, 4, JobKind::kBackfill, TimePoint::max());
  SubmitEach(101, 500, JobKind::kNew, At(seconds(9)));
  scheduler_.Finish(checks[0], At(milliseconds(400)), Status::Ok());
  MustTake(At(milliseconds(400)));  // The fifth login.
  EXPECT_FALSE(scheduler_.Continue(checks[1], At(milliseconds(400))).has_value()) << "full";
  EXPECT_FALSE(scheduler_.Take(At(milliseconds(400))).has_value()) << "no login";
  EXPECT_TRUE(scheduler_.Continue(checks[2], At(milliseconds(400))).has_value());
  EXPECT_FALSE(scheduler_.Continue(checks[3], At(milliseconds(400))).has_value());
}

TEST_F(SchedulerContinueTest, AnIdlePoolUsesAllItsConnectionsForBackfill) {
  AddBoxes(1, 9, AddHost({4, 1000}));
  SubmitEach(1, 9, JobKind::kBackfill, TimePoint::max());
  EXPECT_EQ(TakeAll(At(seconds(0))).size(), 4U);
}

TEST_F(SchedulerContinueTest, AConnectionIsKeptFreeWhileChecksCome) {
  AddBoxes(1, 209, AddHost({4, 1000}));
  for (int second = 0; second < 100; ++second) {
    Submit(100 + static_cast<uint64_t>(second), JobKind::kNew, At(hours(1)), At(seconds(second)));
    scheduler_.Finish(MustTake(At(seconds(second))), At(seconds(second)), Status::Ok());
  }
  SubmitEach(1, 9, JobKind::kBackfill, TimePoint::max());
  const std::vector<Grant> slices = TakeAll(At(seconds(100)));
  EXPECT_EQ(slices.size(), 3U);
  // None came for long: the next slice that ends makes room for one more.
  scheduler_.Finish(slices[0], At(hours(1)), Status::Ok());
  EXPECT_EQ(TakeAll(At(hours(1))).size(), 2U);
}

TEST_F(SchedulerContinueTest, BackfillOfOneTenantTakesTurnsWithAnothers) {
  const HostId host = AddHost({1, 1000});
  AddBox(1, host, 1);
  AddBox(2, host, 2);
  Submit(1, JobKind::kBackfill, TimePoint::max());
  Grant grant = MustTake(At(seconds(0)));
  Submit(2, JobKind::kBackfill, TimePoint::max());
  Submit(1, JobKind::kBackfill, TimePoint::max());
  EXPECT_FALSE(scheduler_.Continue(grant, At(seconds(5))).has_value());
  EXPECT_EQ(MustTake(At(seconds(5))).job.mailbox, Box(2));
}

TEST_F(SchedulerContinueTest, BackfillOfTheSameTenantKeepsItsConnectionOnATie) {
  AddBoxes(1, 2, AddHost({1, 1000}));
  Submit(1, JobKind::kBackfill, TimePoint::max());
  const Grant grant = MustTake(At(seconds(0)));
  Submit(2, JobKind::kBackfill, TimePoint::max());
  Submit(1, JobKind::kBackfill, TimePoint::max());
  EXPECT_TRUE(scheduler_.Continue(grant, At(seconds(5))).has_value());
}

TEST_F(SchedulerContinueTest, BackfillYieldsToNewMailOfAnotherHostOnAFullEgressAddress) {
  Scheduler scheduler{Options{}};
  scheduler.AddEgress("192.0.2.1", 1);
  ASSERT_TRUE(scheduler.AddMailbox(Box(1), TenantId{1}, scheduler.AddHost("a", kWideLimits)).ok());
  ASSERT_TRUE(scheduler.AddMailbox(Box(2), TenantId{1}, scheduler.AddHost("b", kWideLimits)).ok());
  ASSERT_TRUE(scheduler.Submit(Job{Box(1), JobKind::kBackfill, {}, TimePoint::max()}).ok());
  const std::optional<Grant> slice = scheduler.Take(At(seconds(0)));
  ASSERT_TRUE(slice.has_value());
  ASSERT_TRUE(scheduler.Submit(Job{Box(1), JobKind::kBackfill, {}, TimePoint::max()}).ok());
  ASSERT_TRUE(scheduler.Submit(Job{Box(2), JobKind::kNew, {}, At(hours(1))}).ok());
  EXPECT_FALSE(scheduler.Continue(*slice, At(seconds(5))).has_value());
  EXPECT_EQ(scheduler.Take(At(seconds(5)))->job.mailbox, Box(2));
}

TEST_F(SchedulerContinueTest, TryContinueLeavesTheGrantOutSoThatClosingStaysCounted) {
  AddBoxes(1, 2, AddHost({1, 1000}));
  Submit(1, JobKind::kBackfill, At(hours(9)));
  const Grant slice = MustTake(At(seconds(0)));
  Submit(2, JobKind::kNew, At(hours(1)));
  EXPECT_FALSE(scheduler_.TryContinue(slice, At(seconds(5))).has_value());
  EXPECT_FALSE(scheduler_.Take(At(seconds(5))).has_value());
  scheduler_.Finish(slice, At(seconds(6)), Status::Ok());
  EXPECT_TRUE(scheduler_.Take(At(seconds(6))).has_value());
}

TEST_F(SchedulerContinueTest, ANarrowedPoolTakesConnectionsBack) {
  AddBoxes(1, 4, AddHost({4, 1000}));
  SubmitEach(1, 4, JobKind::kBackfill, TimePoint::max());
  const std::vector<Grant> grants = TakeAll(At(seconds(0)));
  ASSERT_EQ(grants.size(), 4U);
  SubmitEach(1, 4, JobKind::kBackfill, TimePoint::max());
  scheduler_.Finish(grants[0], At(seconds(1)),
                    Failure(Code::kThrottled).WithRetryAfter(seconds(2)));
  EXPECT_FALSE(scheduler_.Continue(grants[1], At(seconds(2))).has_value()) << "blocked";
  EXPECT_TRUE(scheduler_.Continue(grants[2], At(seconds(3))).has_value()) << "two may go on";
}

TEST_F(SchedulerContinueTest, AHolderLearnsHowManyCouldUseItsPlace) {
  AddBoxes(1, 5, AddHost({2, 1000}));
  Submit(1, JobKind::kNew, At(seconds(9)));
  const Grant held = MustTake(At(seconds(0)));
  EXPECT_EQ(scheduler_.Shortage(held, At(seconds(0))), 0U);
  SubmitEach(2, 4, JobKind::kNew, At(seconds(9)));
  EXPECT_EQ(scheduler_.Shortage(held, At(seconds(0))), 0U) << "one connection is free";
  const Grant second = MustTake(At(seconds(0)));
  EXPECT_EQ(scheduler_.Shortage(held, At(seconds(0))), 3U);
  scheduler_.Finish(second, At(seconds(1)), Status::Ok());
  EXPECT_EQ(scheduler_.Shortage(held, At(seconds(1))), 0U);
}

TEST_F(SchedulerContinueTest, AFullEgressAddressIsAShortageOfAllItsPools) {
  Scheduler scheduler{Options{}};
  scheduler.AddEgress("192.0.2.1", 1);
  const HostId one = scheduler.AddHost("one.example", {5, 1000});
  const HostId two = scheduler.AddHost("two.example", {5, 1000});
  ASSERT_TRUE(scheduler.AddMailbox(Box(1), TenantId{1}, one).ok());
  ASSERT_TRUE(scheduler.AddMailbox(Box(2), TenantId{1}, two).ok());
  ASSERT_TRUE(scheduler.Submit(Job{Box(1), JobKind::kNew, TimePoint{}, At(seconds(9))}).ok());
  const std::optional<Grant> held = scheduler.Take(At(seconds(0)));
  ASSERT_TRUE(held.has_value());
  EXPECT_EQ(scheduler.Shortage(*held, At(seconds(0))), 0U);
  ASSERT_TRUE(scheduler.Submit(Job{Box(2), JobKind::kNew, TimePoint{}, At(seconds(9))}).ok());
  EXPECT_EQ(scheduler.Shortage(*held, At(seconds(0))), 1U);
}

}  // namespace
}  // namespace mailhaul::scheduler
