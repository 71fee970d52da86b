// The quality that was promised of the order, as figures of virtual time: bench/micro/quality.h.
#include "bench/micro/quality.h"

#include <gtest/gtest.h>

#include "bench/micro/peer_policies.h"

namespace mailhaul::scheduler {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr double kLatenessMax = 0.2;
constexpr double kShareErrorMax = 0.05;
// Lateness counts until a check is complete: a second of the session itself is so much of 30 s.
constexpr double kSessionInFreshness = 1.0 / 30;

enum Compared : size_t { kMailhaul, kRoundRobin, kLongestUnchecked, kSplitSlots };

Quality Measure(const World& world, Compared policy) {
  return MeasureQuality(world, *PoliciesToCompare().at(policy).make(world));
}

TEST(QualityTest, ChecksAreHardlyLateAtNinetyPercent) {
  const Quality quality = Measure(LoadedWorld(0.9), kMailhaul);
  EXPECT_LE(quality.active.p99, kLatenessMax);
  EXPECT_LE(quality.normal.p99, kLatenessMax);
}

TEST(QualityTest, NeitherAreTheyWhileEverythingIsBackfilled) {
  const Quality quality = Measure(BackfillingWorld(0.9), kMailhaul);
  EXPECT_LE(quality.active.p99, kLatenessMax);
  EXPECT_LE(quality.normal.p99, kLatenessMax);
}

TEST(QualityTest, TenantsGetTheirWeightedShareAtOneHundredAndFiftyPercent) {
  const Quality quality = Measure(OverloadedWorld(), kMailhaul);
  EXPECT_LE(quality.share_error_max, kShareErrorMax);
  ASSERT_EQ(quality.tenants.back().name, kSmallTenant);
  EXPECT_LE(quality.tenants.back().lateness.p99, kLatenessMax);
  for (size_t i = 0; i + 1 < quality.tenants.size(); ++i) {
    EXPECT_GT(quality.tenants[i].lateness.late_share, 0.99) << quality.tenants[i].name;
  }
}

// What a tenant cannot get is missing from all its mailboxes in proportion to what they were
// promised.
TEST(QualityTest, ActiveMailboxesAreNotLateInAHigherProportionThanOthers) {
  const Quality quality = Measure(OverloadedWorld(), kMailhaul);
  EXPECT_GT(quality.normal.p99, 1) << "no overload";
  EXPECT_NEAR(quality.active.p99, quality.normal.p99, kSessionInFreshness + 0.03);
  EXPECT_NEAR(quality.active.p50, quality.normal.p50, kSessionInFreshness + 0.03);
}

// What the comparison is for: each of the others misses one of the goals in the same worlds.
TEST(QualityTest, TheOthersAreLateOrUnfair) {
  const World loaded = LoadedWorld(0.9);
  EXPECT_GT(Measure(loaded, kRoundRobin).active.p99, kLatenessMax);
  EXPECT_GT(Measure(loaded, kLongestUnchecked).active.p99, kLatenessMax);
  const World overloaded = OverloadedWorld();
  for (const Compared policy : {kRoundRobin, kLongestUnchecked, kSplitSlots}) {
    const Quality quality = Measure(overloaded, policy);
    EXPECT_GT(quality.share_error_max, kShareErrorMax) << policy;
    EXPECT_GT(quality.tenants.back().lateness.p99, kLatenessMax) << policy;
  }
}

class PeerPolicyTest : public testing::Test {
 protected:
  // Mailboxes 1..3 are active, 4..6 are not.
  PeerPolicyTest() {
    world_.tenants.push_back({"acme", 1});
    world_.egress.push_back({"192.0.2.1", 10});
    WorldHost host;
    host.limits = {1, 2};
    world_.hosts.push_back(host);
    for (uint64_t id = 1; id <= 6; ++id) {
      WorldMailbox mailbox;
      mailbox.id = MailboxId{id};
      mailbox.freshness = id <= 3 ? seconds(30) : seconds(300);
      world_.mailboxes.push_back(mailbox);
    }
  }

  void Make(Compared policy) { policy_ = PoliciesToCompare().at(policy).make(world_); }
  void SubmitAt(uint64_t id, Duration at) {
    policy_->Submit(Job{MailboxId{id}, JobKind::kNew, TimePoint{} + at, TimePoint{} + at});
  }
  // Takes and finishes one; 0: none.
  uint64_t Next(Duration at) {
    const std::optional<Grant> grant = policy_->Take(TimePoint{} + at);
    if (grant.has_value()) {
      policy_->Finish(*grant, TimePoint{} + at);
    }
    return grant.has_value() ? grant->job.mailbox.value : 0;
  }

  World world_;
  std::unique_ptr<WorldPolicy> policy_;
};

TEST_F(PeerPolicyTest, KeepsThePoolsLimitsAndNotBefore) {
  Make(kRoundRobin);
  SubmitAt(1, seconds(1));
  SubmitAt(2, seconds(1));
  SubmitAt(3, seconds(1));
  EXPECT_EQ(policy_->NextWake(TimePoint{}), TimePoint{} + seconds(1));
  EXPECT_FALSE(policy_->Take(TimePoint{}).has_value());
  const std::optional<Grant> first = policy_->Take(TimePoint{} + seconds(1));
  ASSERT_TRUE(first.has_value());
  EXPECT_FALSE(policy_->Take(TimePoint{} + milliseconds(1100)).has_value());  // One connection.
  policy_->Finish(*first, TimePoint{} + milliseconds(1200));
  EXPECT_EQ(Next(milliseconds(1200)), 2u);
  EXPECT_EQ(Next(milliseconds(1300)), 0u);  // Two logins in a second.
  EXPECT_EQ(policy_->NextWake(TimePoint{} + milliseconds(1300)), TimePoint{} + seconds(2));
  EXPECT_EQ(Next(seconds(2)), 3u);
}

TEST_F(PeerPolicyTest, RoundRobinGoesRound) {
  Make(kRoundRobin);
  SubmitAt(4, seconds(0));
  EXPECT_EQ(Next(seconds(1)), 4u);
  for (const uint64_t id : {2, 6}) {
    SubmitAt(id, seconds(1));
  }
  EXPECT_EQ(Next(seconds(3)), 6u);
  EXPECT_EQ(Next(seconds(5)), 2u);
}

TEST_F(PeerPolicyTest, LongestUncheckedGoesFirst) {
  Make(kLongestUnchecked);
  SubmitAt(3, seconds(0));
  EXPECT_EQ(Next(seconds(2)), 3u);
  SubmitAt(1, seconds(0));
  EXPECT_EQ(Next(seconds(4)), 1u);
  for (const uint64_t id : {1, 2, 3}) {
    SubmitAt(id, seconds(5));
  }
  EXPECT_EQ(Next(seconds(6)), 2u);
  EXPECT_EQ(Next(seconds(8)), 3u);
  EXPECT_EQ(Next(seconds(10)), 1u);
}

TEST_F(PeerPolicyTest, ActiveOnesGoFirstWithinABatch) {
  Make(kSplitSlots);
  for (const uint64_t id : {4, 5, 2}) {
    SubmitAt(id, seconds(0));
  }
  EXPECT_EQ(Next(seconds(1)), 2u);
  SubmitAt(3, seconds(1));  // After the batch was read.
  EXPECT_EQ(Next(seconds(3)), 4u);
  EXPECT_EQ(Next(seconds(5)), 5u);
  EXPECT_EQ(Next(seconds(7)), 3u);
}

}  // namespace
}  // namespace mailhaul::scheduler
