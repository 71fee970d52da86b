// Forecasts beside figures that can be had without a simulation.
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "scheduler/planner.h"
#include "scheduler/virtual_world.h"
#include "tests/scheduler/world_fixture.h"

namespace mailhaul::scheduler {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr HostLimits kOneConnection{1, 10'000};

// The finite-source queue M/M/c//N. Its think time may have any distribution (Baskett, Chandy,
// Muntz and Palacios 1975), so it may be our rhythm.
class FiniteSourceQueue {
 public:
  FiniteSourceQueue(int customers, int servers, double think, double service)
      : customers_(customers), servers_(servers), think_(think), service_(service) {}

  // Probability of k at the servers; `customers` without the one that looks when it arrives.
  std::vector<double> States(int customers) const {
    std::vector<double> states{1};
    double sum = 1;
    for (int k = 1; k <= customers; ++k) {
      states.push_back(states.back() * (customers - k + 1) * service_ / think_ /
                       std::min(k, servers_));
      sum += states.back();
    }
    for (double& state : states) {
      state /= sum;
    }
    return states;
  }

  double Throughput() const {
    const std::vector<double> states = States(customers_);
    double busy = 0;
    for (int k = 0; k <= customers_; ++k) {
      busy += states[k] * std::min(k, servers_);
    }
    return busy / service_;
  }

  // One server: P(response > t) is a mixture of Erlang distributions.
  double ResponseLonger(double t) const {
    const std::vector<double> found = States(customers_ - 1);
    double longer = 0;
    double term = std::exp(-t / service_);
    double tail = term;
    for (int k = 0; k < customers_; ++k) {
      longer += found[k] * tail;
      term *= t / service_ / (k + 1);
      tail += term;
    }
    return longer;
  }

  double ResponsePercentile(double share) const {
    double low = 0;
    double high = 1e4 * service_;
    for (int i = 0; i < 100; ++i) {
      const double middle = (low + high) / 2;
      (ResponseLonger(middle) > 1 - share ? low : high) = middle;
    }
    return high;
  }

 private:
  int customers_;
  int servers_;
  double think_;
  double service_;
};

ForecastOptions Long() {
  ForecastOptions options;
  options.warm_up_checks = 20;
  options.checks_each = 500;
  return options;
}

TEST(ForecastTest, P99AgeIsThatOfTheFiniteSourceQueue) {
  World world = EmptyWorld();
  AddMailboxes(world, 200, AddHost(world, kOneConnection, milliseconds(380), 1), 0, seconds(100));
  const Forecast forecast = MakeForecast(world, Long());
  ASSERT_EQ(forecast.groups.size(), 1u);
  const FiniteSourceQueue queue(200, 1, 80, 0.38);
  EXPECT_GT(queue.Throughput() * 0.38, 0.9);
  EXPECT_NEAR(InSeconds(forecast.groups[0].age_p99), 80 + queue.ResponsePercentile(0.99), 0.3);
  EXPECT_NEAR(forecast.groups[0].checks_per_second, queue.Throughput(), 0.02);
}

TEST(ForecastTest, ThroughputOfSeveralConnectionsIsThatOfTheFiniteSourceQueue) {
  World world = EmptyWorld();
  AddMailboxes(world, 300, AddHost(world, {4, 10'000}, seconds(1), 1), 0, seconds(100));
  const Forecast forecast = MakeForecast(world, Long());
  const FiniteSourceQueue queue(300, 4, 80, 1);
  EXPECT_NEAR(forecast.groups[0].checks_per_second, queue.Throughput(), 0.02);
  EXPECT_NEAR(forecast.pools[0].busy, queue.Throughput() / 4, 0.01);
}

TEST(ForecastTest, ChecksOfEqualLengthNeverWaitOnceTheyHaveFoundTheirPlaces) {
  World world = EmptyWorld();
  AddMailboxes(world, 200, AddHost(world, kOneConnection, milliseconds(350)), 0, seconds(100));
  ForecastOptions options;
  options.warm_up_checks = 20;
  const Forecast forecast = MakeForecast(world, options);
  EXPECT_NEAR(InSeconds(forecast.groups[0].age_p99), 80.35, 0.01);
}

// An overloaded pool goes round: the cycle is mailboxes over capacity.
TEST(ForecastTest, LagOfAnOverloadedPoolIsItsCycleLessTheFreshness) {
  World world = EmptyWorld();
  AddMailboxes(world, 600, AddHost(world, {10, 2}, milliseconds(100)), 0, seconds(200));
  const Forecast forecast = MakeForecast(world, ForecastOptions{});
  const GroupForecast& group = forecast.groups.at(0);
  EXPECT_FALSE(forecast.holds);
  EXPECT_NEAR(InSeconds(group.lag_p50), 100, 1);
  EXPECT_NEAR(InSeconds(group.lag_p99), 100, 2);
  EXPECT_NEAR(forecast.pools.at(0).load.logins, 1.5, 1e-9);
  EXPECT_NEAR(forecast.pools.at(0).load.connections, 0.03, 1e-9);
  EXPECT_NEAR(forecast.pools.at(0).logins_per_second, 2, 0.01);
}

TEST(ForecastTest, MailInTransitTakesItsTime) {
  World world = EmptyWorld();
  AddMailboxes(world, 10, AddHost(world, kOneConnection, milliseconds(500)), 0, seconds(100));
  world.hosts[0].times.bytes_per_second = 1000;
  for (WorldMailbox& mailbox : world.mailboxes) {
    mailbox.new_bytes_per_day = 2'160'000;  // 25 a second: 2,000 in 80 s, which take 2 s.
  }
  const Forecast forecast = MakeForecast(world, ForecastOptions{});
  EXPECT_NEAR(InSeconds(forecast.groups[0].age_p99), 82.55, 0.1);
  EXPECT_NEAR(forecast.pools[0].load.connections, 10 * (0.005 + 0.025), 1e-9);
}

TEST(ForecastTest, EachFreshnessIsAGroupOfItsOwn) {
  World world = EmptyWorld();
  const uint32_t host = AddHost(world, {10, 100}, milliseconds(10));
  AddMailboxes(world, 20, host, 0, seconds(300));
  AddMailboxes(world, 5, host, 0, seconds(30));
  const Forecast forecast = MakeForecast(world, ForecastOptions{});
  ASSERT_EQ(forecast.groups.size(), 2u);
  EXPECT_EQ(forecast.groups[0].freshness, Duration(seconds(30)));
  EXPECT_EQ(forecast.groups[0].mailboxes, 5u);
  EXPECT_EQ(forecast.groups[1].mailboxes, 20u);
  EXPECT_TRUE(forecast.holds);
}

TEST(ForecastTest, HeldSessionsAreCheckedWithoutALogin) {
  World world = EmptyWorld();
  AddMailboxes(world, 20, AddHost(world, {30, 100}, milliseconds(10)), 0, seconds(30));
  for (WorldMailbox& mailbox : world.mailboxes) {
    mailbox.held = true;
  }
  const Forecast forecast = MakeForecast(world, ForecastOptions{});
  EXPECT_GT(forecast.checks, 2000u);
  EXPECT_EQ(forecast.pools[0].logins_per_second, 0);
}

TEST(ForecastTest, HeldSessionsGiveWayWhenTheirConnectionsAreNeeded) {
  World world = EmptyWorld();
  const uint32_t host = AddHost(world, {5, 100}, milliseconds(100));
  AddMailboxes(world, 5, host, 0, seconds(30));
  for (WorldMailbox& mailbox : world.mailboxes) {
    mailbox.held = true;
  }
  AddMailboxes(world, 500, host, 0, seconds(60));
  const Forecast forecast = MakeForecast(world, ForecastOptions{});
  EXPECT_TRUE(forecast.complete);
  EXPECT_TRUE(forecast.holds);
}

TEST(ForecastTest, LoginsKeepTheIntervalThatTheServerWants) {
  World world = EmptyWorld();
  AddMailboxes(world, 10, AddHost(world, {5, 100}, milliseconds(100)), 0, seconds(60));
  for (WorldMailbox& mailbox : world.mailboxes) {
    mailbox.login_interval = minutes(5);
  }
  const Forecast forecast = MakeForecast(world, ForecastOptions{});
  EXPECT_NEAR(InSeconds(forecast.groups[0].lag_p50), 240, 1);
  EXPECT_FALSE(forecast.holds);
}

World BackfillingWorld() {
  World world = EmptyWorld();
  AddMailboxes(world, 10, AddHost(world, {2, 100}, milliseconds(100)), 0, seconds(300));
  world.hosts[0].times.bytes_per_second = 1'000'000;
  for (WorldMailbox& mailbox : world.mailboxes) {
    mailbox.backfill_bytes = uint64_t{172'800'000'000};
  }
  return world;
}

TEST(ForecastTest, DaysOfBackfillAreItsBytesAtTheRateThatChecksLeave) {
  const Forecast forecast = MakeForecast(BackfillingWorld(), ForecastOptions{});
  // 1.728 TB at 2 MB/s are 10 days.
  EXPECT_NEAR(forecast.groups[0].backfill_days.value_or(0), 10, 0.1);
  EXPECT_TRUE(forecast.holds);
}

TEST(ForecastTest, DaysOfBackfillKeepTheBytesPerDayAndTheReserveForNewMail) {
  World world = BackfillingWorld();
  world.hosts[0].limits.bytes_per_day = 10'800'000'000;  // A fifth is reserved.
  const Forecast forecast = MakeForecast(world, ForecastOptions{});
  EXPECT_NEAR(forecast.groups[0].backfill_days.value_or(0), 200, 2);
}

TEST(ForecastTest, DaysOfBackfillLeaveWhatArrivesOfTheBytesPerDay) {
  World world = BackfillingWorld();
  world.hosts[0].limits.bytes_per_day = 12'640'000'000;
  for (WorldMailbox& mailbox : world.mailboxes) {
    mailbox.new_bytes_per_day = 400'000'000;
  }
  const Forecast forecast = MakeForecast(world, ForecastOptions{});
  EXPECT_NEAR(forecast.groups[0].backfill_days.value_or(0), 200, 2);
}

TEST(ForecastTest, DaysOfBackfillKeepTheBytesPerDayOfEachMailbox) {
  World world = BackfillingWorld();
  for (WorldMailbox& mailbox : world.mailboxes) {
    mailbox.bytes_per_day = 2'000'000'000;
  }
  const Forecast forecast = MakeForecast(world, ForecastOptions{});
  EXPECT_NEAR(forecast.groups[0].backfill_days.value_or(0), 108, 0.01);
}

TEST(ForecastTest, BackfillThatEndsWithinTheForecastTellsWhen) {
  World world = BackfillingWorld();
  for (WorldMailbox& mailbox : world.mailboxes) {
    mailbox.backfill_bytes = 100'000'000;
  }
  const Forecast forecast = MakeForecast(world, ForecastOptions{});
  // 1 GB at 2 MB/s; a mailbox begins after its first check, within 240 s.
  const double seconds_needed = forecast.groups[0].backfill_days.value_or(0) * 86'400;
  EXPECT_GE(seconds_needed, 500);
  EXPECT_LE(seconds_needed, 750);
}

// 4 connections and 5 logins a second; checks ask for all the logins, and half of the connections.
World LoginBoundWorld(double spread) {
  World world = EmptyWorld();
  AddHost(world, {4, 5}, milliseconds(50), spread);
  world.hosts[0].times.open = milliseconds(300);
  world.hosts[0].times.close = milliseconds(75);
  AddMailboxes(world, 1200, 0, 0, minutes(5));
  for (WorldMailbox& mailbox : world.mailboxes) {
    mailbox.backfill_bytes = uint64_t{1} << 40;
  }
  return world;
}

TEST(ForecastTest, BackfillTakesNoConnectionThatChecksNeedAsSoonAsTheyMayLogIn) {
  for (const double spread : {0.0, 0.5, 1.0}) {
    const World world = LoginBoundWorld(spread);
    const Forecast alone = MakeForecast(WithoutBackfill(world), ForecastOptions{});
    const Forecast both = MakeForecast(world, ForecastOptions{});
    EXPECT_TRUE(alone.holds);
    EXPECT_TRUE(both.holds) << InSeconds(both.groups[0].lag_p99) << " s at " << spread;
    EXPECT_GT(both.pools[0].logins_per_second, 4.5);
    // The fourth connection is its own nearly all the time: 1 MB/s.
    const double days = both.groups[0].backfill_days.value_or(0);
    EXPECT_LT(days, 1.3 * 1200 * 1099511.6 / 86'400) << spread;
  }
}

TEST(ForecastTest, AtOverloadWithShortChecksBackfillGetsItsShareOfTheTimeAndNotMore) {
  for (const double spread : {0.0, 1.0}) {
    World world = LoginBoundWorld(spread);
    world.hosts[0].limits = {10, 10'000};
    world.hosts[0].times.open = Duration::zero();
    for (WorldMailbox& mailbox : world.mailboxes) {
      mailbox.freshness = seconds(3);
    }
    const Forecast forecast = MakeForecast(world, ForecastOptions{});
    const double days = forecast.groups[0].backfill_days.value_or(0);
    const double bytes_per_second = 1200 * 1099511627776.0 / 86'400 / days;
    const double checks = forecast.groups[0].checks_per_second * 0.05;  // Their seconds.
    const double slices = bytes_per_second / 1'000'000;
    EXPECT_NEAR(slices / (slices + checks), 0.05, 0.0025) << spread;
    EXPECT_GT(checks, 3);
  }
}

TEST(ForecastTest, EqualWorldsGiveEqualForecastsAndSeedsMatter) {
  World world = EmptyWorld();
  AddMailboxes(world, 300, AddHost(world, {4, 10'000}, seconds(1), 1), 0, seconds(100));
  const Forecast first = MakeForecast(world, ForecastOptions{});
  const Forecast second = MakeForecast(world, ForecastOptions{});
  world.seed = 2;
  const Forecast other = MakeForecast(world, ForecastOptions{});
  EXPECT_EQ(first.checks, second.checks);
  EXPECT_EQ(first.groups[0].age_p99, second.groups[0].age_p99);
  EXPECT_EQ(first.pools[0].busy, second.pools[0].busy);
  EXPECT_NE(first.groups[0].age_p99, other.groups[0].age_p99);
}

TEST(ForecastTest, WithoutMailboxesEverythingHolds) {
  const Forecast forecast = MakeForecast(EmptyWorld(), ForecastOptions{});
  EXPECT_TRUE(forecast.holds);
  EXPECT_TRUE(forecast.complete);
  EXPECT_TRUE(forecast.groups.empty());
}

TEST(ForecastTest, WhatABoundCutsShortIsCalledIncomplete) {
  World world = EmptyWorld();
  AddMailboxes(world, 100, AddHost(world, kOneConnection, seconds(10)), 0, seconds(10));
  ForecastOptions options;
  options.at_most = seconds(60);
  const Forecast forecast = MakeForecast(world, options);
  EXPECT_FALSE(forecast.complete);
  EXPECT_FALSE(forecast.holds);
}

}  // namespace
}  // namespace mailhaul::scheduler
