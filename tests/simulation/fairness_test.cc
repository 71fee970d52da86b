// Invariant 6 over the whole engine: in overload every tenant has its weighted part of the
// connection time, in every window of time, whatever the others ask for and whoever refreshes.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <deque>
#include <iostream>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "tests/app/engine_fixture.h"
#include "tests/simulation/seeds.h"

namespace mailhaul::simulation {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr size_t kTenants = 3;
constexpr Duration kWindow = minutes(2);
constexpr Duration kWarmUp = minutes(2);
constexpr Duration kLength = minutes(10);
// What a tenant may lack in a window: this part of its share, and kSessionsLacking sessions for
// each connection, since a session counts when it has ended. Besides, refreshes may put their
// tenant ahead of its share by kRefreshCredit for each of its weights, which it pays back later.
constexpr double kToleratedPart = 0.05;
constexpr double kSessionsLacking = 2;
constexpr double kRefreshCredit = 2;  // Seconds.

class OverloadedWorld final : public app::EngineFixture {
 public:
  explicit OverloadedWorld(uint64_t seed) : OverloadedWorld(SeededRandom(seed)) {}
  // What was posted still runs, and needs it.
  ~OverloadedWorld() override { Stop(); }
  OverloadedWorld(const OverloadedWorld&) = delete;
  OverloadedWorld& operator=(const OverloadedWorld&) = delete;

  // Empty: every tenant had its part all the time.
  std::string Run() {
    Start();
    RunFor(kWarmUp);
    const TimePoint end = clock_.Now() + kLength;
    while (clock_.Now() < end && violation_.empty()) {
      RunUntil([this] { return !Step().empty(); }, seconds(5));
      RefreshSome();
    }
    return violation_;
  }
  double least() const { return least_; }  // The least part of its share that a tenant had.

 private:
  struct Sample {
    TimePoint at;
    std::array<Duration, kTenants> used;
  };

  explicit OverloadedWorld(SeededRandom random)
      : EngineFixture(milliseconds(random.Below(20))), choices_(random) {
    config_.default_limits.connections = 1 + static_cast<uint32_t>(choices_.Below(3));
    config_.default_limits.logins_per_second = 50;
    server_.faults.delay_per_command = milliseconds(300 + choices_.Below(300));
    for (size_t i = 0; i < kTenants; ++i) {
      // All are made in the first tenant; each later one takes what came last.
      const uint64_t mailboxes = 6 + choices_.Below(8);
      for (uint64_t m = 0; m < mailboxes; ++m) {
        AddMailbox("t" + std::to_string(i) + "m" + std::to_string(m));
      }
    }
    std::vector<config::MailboxConfig> all = std::move(config_.tenants.front().mailboxes);
    config_.tenants.resize(kTenants, config_.tenants.front());
    for (size_t i = 0; i < kTenants; ++i) {
      config::TenantConfig& tenant = config_.tenants[i];
      tenant.name = "tenant" + std::to_string(i);
      tenant.weight = 1 + static_cast<uint32_t>(choices_.Below(4));
      tenant.freshness.normal = seconds(1 + choices_.Below(3));
      tenant.mailboxes.clear();
    }
    for (config::MailboxConfig& mailbox : all) {
      config_.tenants[static_cast<size_t>(mailbox.id[1] - '0')].mailboxes.push_back(
          std::move(mailbox));
    }
  }
  void TestBody() override {}

  // At every step of the loop; the figures change only when time has passed.
  const std::string& Step() {
    if (samples_.empty() || clock_.Now() > samples_.back().at) {
      samples_.push_back({clock_.Now(), {}});
      for (size_t i = 0; i < kTenants; ++i) {
        samples_.back().used[i] = collector_->scheduler().Tenant(i).connection_time;
      }
      while (samples_.size() > 1 && samples_[1].at <= clock_.Now() - kWindow) {
        samples_.pop_front();
      }
      if (samples_.front().at <= clock_.Now() - kWindow) {
        CheckShares();
      }
    }
    return violation_;
  }

  void CheckShares() {
    std::array<double, kTenants> used{};
    double weights = 0;
    for (size_t i = 0; i < kTenants; ++i) {
      used[i] = Seconds(samples_.back().used[i] - samples_.front().used[i]);
      weights += config_.tenants[i].weight;
    }
    const double all = std::accumulate(used.begin(), used.end(), 0.0);
    const scheduler::PoolStats pool = collector_->scheduler().Pool(0, clock_.Now());
    const double session = Seconds(pool.service_time[Index(scheduler::JobKind::kNew)]);
    for (size_t i = 0; i < kTenants; ++i) {
      const double share = all * config_.tenants[i].weight / weights;
      const double lacking = kToleratedPart * share +
                             kSessionsLacking * config_.default_limits.connections * session +
                             kRefreshCredit * config_.tenants[0].weight;
      least_ = std::min(least_, used[i] / share);
      if (used[i] < share - lacking) {
        violation_ = config_.tenants[i].name + " of weight " +
                     std::to_string(config_.tenants[i].weight) + " had " + std::to_string(used[i]) +
                     " s of " + std::to_string(all) + " s, of " + std::to_string(weights) +
                     " weights";
      }
    }
    if (pool.waiting == 0) {
      violation_ = "nothing waits: no overload";
    }
  }

  // Of one tenant only, as often as it may.
  void RefreshSome() {
    loop_.Post([this] {
      for (const config::MailboxConfig& mailbox : config_.tenants[0].mailboxes) {
        if (choices_.Chance(1, 3)) {
          collector_->Refresh(config_.tenants[0].name, mailbox.id);
        }
      }
    });
  }

  static double Seconds(Duration duration) {
    return std::chrono::duration<double>(duration).count();
  }

  SeededRandom choices_;
  std::deque<Sample> samples_;
  std::string violation_;
  double least_ = 1;
};

TEST(FairnessTest, InOverloadEveryTenantHasItsWeightedShareInEveryWindow) {
  constexpr uint64_t kOneOf = 4;  // They are long.
  const Seeds seeds;
  double least = 1;
  const uint64_t count = std::max<uint64_t>(seeds.count / kOneOf, 1);
  for (uint64_t seed = seeds.first; seed < seeds.first + count; ++seed) {
    OverloadedWorld world(seed);
    ASSERT_EQ(world.Run(), "") << "again: MAILHAUL_SEED=" << seed
                               << " MAILHAUL_SEEDS=1 simulation_test";
    least = std::min(least, world.least());
  }
  std::cout << count << " seeds; the least that a tenant had in " << kWindow / seconds(1)
            << " s is " << least << " of its share\n";
}

}  // namespace
}  // namespace mailhaul::simulation
