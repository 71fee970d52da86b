// Which egress address a mailbox uses, and what happens when addresses come and go.
#include <map>

#include "tests/scheduler/scheduler_fixture.h"

namespace mailhaul::scheduler {
namespace {

class SchedulerEgressTest : public testing::Test {
 protected:
  static constexpr uint64_t kBoxes = 4000;

  void AddBoxes() {
    host_ = scheduler_.AddHost("imap.example.com", kWideLimits);
    for (uint64_t box = 1; box <= kBoxes; ++box) {
      ASSERT_TRUE(scheduler_.AddMailbox(Box(box), TenantId{1}, host_).ok());
    }
  }
  // Checks every mailbox once and says from which address.
  std::map<uint64_t, EgressId> Places(TimePoint now) {
    std::map<uint64_t, EgressId> places;
    for (uint64_t box = 1; box <= kBoxes; ++box) {
      EXPECT_TRUE(scheduler_.Submit(Job{Box(box), JobKind::kNew, {}, now}).ok());
    }
    while (std::optional<Grant> grant = scheduler_.Take(now)) {
      places[grant->job.mailbox.value] = grant->egress;
      scheduler_.Finish(*grant, now, Status::Ok());
    }
    return places;
  }
  static std::map<EgressId, uint64_t> Count(const std::map<uint64_t, EgressId>& places) {
    std::map<EgressId, uint64_t> counts;
    for (const auto& [box, egress] : places) {
      ++counts[egress];
    }
    return counts;
  }
  static uint64_t Moved(const std::map<uint64_t, EgressId>& before,
                        const std::map<uint64_t, EgressId>& after) {
    uint64_t moved = 0;
    for (const auto& [box, egress] : before) {
      moved += after.at(box) != egress ? 1 : 0;
    }
    return moved;
  }

  Scheduler scheduler_{Options{}};
  HostId host_ = 0;
};

TEST_F(SchedulerEgressTest, ASubmitterUsesTheAddressOfItsMailboxInThePoolOfItsOwnHost) {
  scheduler_.AddEgress("192.0.2.1", 10'000);
  scheduler_.AddEgress("192.0.2.2", 20'000);
  scheduler_.AddEgress("192.0.2.3", 50'000);
  AddBoxes();
  const std::map<uint64_t, EgressId> places = Places(At(seconds(0)));
  const HostId smtp = scheduler_.AddHost("smtp.example.com", kWideLimits);
  for (uint64_t box = 1; box <= 100; ++box) {
    const MailboxId submitter = SubmitterOf(Box(box));
    EXPECT_TRUE(IsSubmitter(submitter));
    EXPECT_EQ(OwnerOf(submitter), Box(box));
    ASSERT_TRUE(scheduler_.AddMailbox(submitter, TenantId{1}, smtp).ok());
    ASSERT_TRUE(scheduler_.Submit(Job{submitter, JobKind::kNew, {}, At(seconds(0))}).ok());
    const std::optional<Grant> grant = scheduler_.Take(At(seconds(0)));
    ASSERT_TRUE(grant.has_value());
    EXPECT_EQ(grant->host, smtp);
    EXPECT_EQ(grant->egress, places.at(Box(box).value));
    scheduler_.Finish(*grant, At(seconds(0)), Status::Ok());
  }
}

TEST_F(SchedulerEgressTest, MailboxesSpreadInProportionToTheConnections) {
  scheduler_.AddEgress("192.0.2.1", 10'000);
  scheduler_.AddEgress("192.0.2.2", 20'000);
  scheduler_.AddEgress("192.0.2.3", 50'000);
  AddBoxes();
  auto counts = Count(Places(At(seconds(0))));
  EXPECT_NEAR(static_cast<double>(counts[0]), kBoxes / 8.0, 100);
  EXPECT_NEAR(static_cast<double>(counts[1]), kBoxes / 4.0, 120);
  EXPECT_NEAR(static_cast<double>(counts[2]), kBoxes * 5 / 8.0, 140);
}

TEST_F(SchedulerEgressTest, OnlyTheMailboxesOfARemovedAddressMoveAndTheyReturnWithIt) {
  for (int i = 0; i < 4; ++i) {
    scheduler_.AddEgress("192.0.2." + std::to_string(i), 10'000);
  }
  AddBoxes();
  const auto before = Places(At(seconds(0)));
  scheduler_.RemoveEgress(2);
  const auto without = Places(At(seconds(10)));
  EXPECT_EQ(without.size(), kBoxes);
  EXPECT_EQ(Count(without).count(2), 0U);
  EXPECT_EQ(Moved(before, without), Count(before)[2]);
  EXPECT_EQ(scheduler_.AddEgress("192.0.2.2", 10'000), 2U);
  EXPECT_EQ(Places(At(seconds(20))), before);
}

TEST_F(SchedulerEgressTest, ABlockedAddressLosesItsMailboxesUntilTheBlockEnds) {
  for (int i = 0; i < 3; ++i) {
    scheduler_.AddEgress("192.0.2." + std::to_string(i), 10'000);
  }
  AddBoxes();
  const auto before = Places(At(seconds(0)));
  scheduler_.BlockEgress(1, At(seconds(60)), At(seconds(5)));
  scheduler_.BlockEgress(1, At(seconds(30)), At(seconds(6)));
  const auto blocked = Places(At(seconds(10)));
  EXPECT_EQ(Count(blocked).count(1), 0U);
  EXPECT_EQ(Moved(before, blocked), Count(before)[1]);
  EXPECT_EQ(scheduler_.NextWake(At(seconds(40))), At(seconds(60))) << "the longer block holds";
  EXPECT_EQ(Places(At(seconds(60))), before);
}

TEST_F(SchedulerEgressTest, ANewAddressTakesOnlyWhatFallsToIt) {
  scheduler_.AddEgress("192.0.2.1", 10'000);
  scheduler_.AddEgress("192.0.2.2", 10'000);
  AddBoxes();
  const auto before = Places(At(seconds(0)));
  EXPECT_EQ(scheduler_.AddEgress("192.0.2.3", 10'000), 2U);
  const auto after = Places(At(seconds(10)));
  EXPECT_EQ(Moved(before, after), Count(after)[2]);
  EXPECT_NEAR(static_cast<double>(Count(after)[2]), kBoxes / 3.0, 130);
}

TEST_F(SchedulerEgressTest, AnotherWeightMovesOnlyToOrFromItsAddress) {
  for (int i = 0; i < 3; ++i) {
    scheduler_.AddEgress("192.0.2." + std::to_string(i), 10'000);
  }
  AddBoxes();
  const auto before = Places(At(seconds(0)));
  EXPECT_EQ(scheduler_.AddEgress("192.0.2.1", 40'000), 1U);
  const auto wider = Places(At(seconds(10)));
  EXPECT_NEAR(static_cast<double>(Count(wider)[1]), kBoxes * 2 / 3.0, 130);
  EXPECT_EQ(Moved(before, wider), Count(wider)[1] - Count(before)[1]);
  EXPECT_EQ(scheduler_.AddEgress("192.0.2.1", 10'000), 1U);
  EXPECT_EQ(Places(At(seconds(20))), before);
}

TEST_F(SchedulerEgressTest, WhatIsOutFinishesWhereItIsAndGoesOnElsewhere) {
  scheduler_.AddEgress("192.0.2.1", 10'000);
  scheduler_.AddEgress("192.0.2.2", 10'000);
  AddBoxes();
  ASSERT_TRUE(scheduler_.Submit(Job{Box(1), JobKind::kNew, {}, At(seconds(1))}).ok());
  const std::optional<Grant> grant = scheduler_.Take(At(seconds(0)));
  ASSERT_TRUE(grant.has_value());
  scheduler_.RemoveEgress(grant->egress);
  ASSERT_TRUE(scheduler_.Submit(Job{Box(1), JobKind::kNew, {}, At(seconds(1))}).ok());
  EXPECT_FALSE(scheduler_.TryContinue(*grant, At(seconds(1))).has_value());
  EXPECT_FALSE(scheduler_.Take(At(seconds(1))).has_value());
  scheduler_.Finish(*grant, At(seconds(2)), Status::Ok());
  const std::optional<Grant> next = scheduler_.Take(At(seconds(2)));
  ASSERT_TRUE(next.has_value());
  EXPECT_NE(next->egress, grant->egress);
}

TEST_F(SchedulerEgressTest, WithoutAnyAddressMailboxesWaitAndSayWhy) {
  scheduler_.AddEgress("192.0.2.1", 10'000);
  AddBoxes();
  ASSERT_TRUE(scheduler_.Submit(Job{Box(1), JobKind::kNew, {}, At(seconds(1))}).ok());
  scheduler_.RemoveEgress(0);
  EXPECT_FALSE(scheduler_.Take(At(seconds(1))).has_value());
  EXPECT_EQ(scheduler_.NextWake(At(seconds(1))), TimePoint::max());
  EXPECT_EQ(scheduler_.Explain(Box(1), At(seconds(1))).cause, WaitCause::kEgressBlocked);
  scheduler_.AddEgress("192.0.2.9", 10'000);
  const std::optional<Grant> grant = scheduler_.Take(At(seconds(2)));
  ASSERT_TRUE(grant.has_value());
  EXPECT_EQ(grant->egress, 1U);
}

}  // namespace
}  // namespace mailhaul::scheduler
