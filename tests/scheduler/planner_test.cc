// What the planner proposes makes the promises hold, and no much smaller change does.
#include "scheduler/planner.h"

#include <gtest/gtest.h>

#include "tests/scheduler/world_fixture.h"

namespace mailhaul::scheduler {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

Forecast Of(const World& world) { return MakeForecast(world, ForecastOptions{}); }

const Change& OfKind(const std::vector<Change>& changes, ChangeKind kind) {
  return changes.at(static_cast<size_t>(kind));
}

// 450 checks in 100 s, one second each, on 3 connections: 150 %.
World OverloadedWorld() {
  World world = EmptyWorld();
  AddMailboxes(world, 450, AddHost(world, {3, 100}, seconds(1), 0.5), 0, seconds(100));
  return world;
}

TEST(PlannerTest, ProposesNothingWhenAllHolds) {
  World world = EmptyWorld();
  AddMailboxes(world, 100, AddHost(world, {3, 100}, seconds(1)), 0, seconds(100));
  EXPECT_TRUE(FindChanges(world, Of(world)).empty());
}

TEST(PlannerTest, EveryChangeMakesTheOverloadedWorldHold) {
  const World world = OverloadedWorld();
  const Forecast forecast = Of(world);
  EXPECT_NEAR(forecast.pools.at(0).load.connections, 1.5, 1e-9);
  EXPECT_FALSE(forecast.holds);
  const std::vector<Change> changes = FindChanges(world, forecast);
  ASSERT_EQ(changes.size(), 3u);
  for (const Change& change : changes) {
    EXPECT_TRUE(change.verified);
    EXPECT_TRUE(Of(Apply(world, change)).holds) << static_cast<int>(change.kind);
  }
}

TEST(PlannerTest, ChangesAreTheSmallestOfTheirKind) {
  const World world = OverloadedWorld();
  const std::vector<Change> changes = FindChanges(world, Of(world));
  EXPECT_EQ(OfKind(changes, ChangeKind::kMoreAddresses).more_addresses, 1u);
  const HostChange& longer = OfKind(changes, ChangeKind::kLongerFreshness).hosts.at(0);
  EXPECT_TRUE(longer.searched);
  EXPECT_GE(longer.freshness_factor, 1.5);
  EXPECT_LE(longer.freshness_factor, 1.6);
  const HostChange& higher = OfKind(changes, ChangeKind::kHigherLimits).hosts.at(0);
  EXPECT_EQ(higher.limits.connections, 5u);
  EXPECT_EQ(higher.limits.logins_per_second, 100u);
}

TEST(PlannerTest, TheLimitThatBindsIsRaised) {
  World world = EmptyWorld();
  AddMailboxes(world, 600, AddHost(world, {10, 2}, milliseconds(100)), 0, seconds(200));
  const std::vector<Change> changes = FindChanges(world, Of(world));
  const HostLimits& limits = OfKind(changes, ChangeKind::kHigherLimits).hosts.at(0).limits;
  EXPECT_EQ(limits.connections, 10u);
  EXPECT_EQ(limits.logins_per_second, 3u);
}

TEST(PlannerTest, BothLimitsAreRaisedWhenBothBind) {
  World world = EmptyWorld();
  AddMailboxes(world, 600, AddHost(world, {2, 2}, seconds(1)), 0, seconds(200));
  const std::vector<Change> changes = FindChanges(world, Of(world));
  const HostLimits& limits = OfKind(changes, ChangeKind::kHigherLimits).hosts.at(0).limits;
  EXPECT_GE(limits.connections, 3u);
  EXPECT_LE(limits.connections, 4u);
  EXPECT_EQ(limits.logins_per_second, 3u);
}

TEST(PlannerTest, AnotherHostThatHoldsIsLeftAlone) {
  World world = OverloadedWorld();
  AddMailboxes(world, 50, AddHost(world, {3, 100}, seconds(1)), 0, seconds(100));
  const std::vector<Change> changes = FindChanges(world, Of(world));
  for (const HostChange& host : OfKind(changes, ChangeKind::kLongerFreshness).hosts) {
    EXPECT_EQ(host.host, 0u);
  }
}

TEST(PlannerTest, AnAddressThatItsHostsFillTogetherGetsMoreConnections) {
  World world = EmptyWorld();
  world.egress[0].connections = 4;
  for (int i = 0; i < 3; ++i) {
    AddMailboxes(world, 200, AddHost(world, {3, 100}, seconds(1)), 0, seconds(100));
  }
  const Forecast forecast = Of(world);
  EXPECT_FALSE(forecast.holds);
  const std::vector<Change> changes = FindChanges(world, forecast);
  const Change& limits = OfKind(changes, ChangeKind::kHigherLimits);
  EXPECT_TRUE(limits.verified);
  EXPECT_GE(limits.egress_connections, 6u);
  EXPECT_LE(limits.egress_connections, 8u);
  EXPECT_TRUE(limits.hosts.empty());
}

TEST(PlannerTest, BeyondTwentyHostsChangesAreComputedAndStillVerified) {
  World world = EmptyWorld();
  for (uint32_t i = 0; i < 25; ++i) {
    AddMailboxes(world, 40 + i, AddHost(world, {1, 100}, seconds(1)), 0, seconds(30));
  }
  const std::vector<Change> changes = FindChanges(world, Of(world));
  for (const Change& change : changes) {
    EXPECT_TRUE(change.verified);
    EXPECT_TRUE(Of(Apply(world, change)).holds);
  }
  size_t searched = 0;
  for (const HostChange& host : OfKind(changes, ChangeKind::kLongerFreshness).hosts) {
    // The most loaded are those that are searched.
    EXPECT_EQ(host.searched, host.host >= 5) << host.host;
    searched += host.searched ? 1 : 0;
  }
  EXPECT_EQ(searched, 20u);
}

TEST(PlannerTest, SaysSoWhenNoNumberOfAddressesHelps) {
  World world = EmptyWorld();
  AddMailboxes(world, 3, AddHost(world, {3, 100}, seconds(20)), 0, seconds(10));
  const std::vector<Change> changes = FindChanges(world, Of(world));
  EXPECT_FALSE(OfKind(changes, ChangeKind::kMoreAddresses).verified);
  EXPECT_FALSE(OfKind(changes, ChangeKind::kHigherLimits).verified);
  EXPECT_TRUE(OfKind(changes, ChangeKind::kLongerFreshness).verified);
}

}  // namespace
}  // namespace mailhaul::scheduler
