// Invariant 6 over the whole engine, as the servers see it: in overload every tenant has its
// weighted part of the connection time, in every window of time, whatever the others ask for and
// whoever refreshes.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <deque>
#include <iostream>
#include <map>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "tests/app/engine_fixture.h"
#include "tests/simulation/seeds.h"

namespace mailhaul::simulation {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr size_t kTenants = 3;
constexpr size_t kWindow = 120;  // Seconds.
constexpr Duration kWarmUpMax = std::chrono::hours(2);
constexpr Duration kRefreshEvery = std::chrono::seconds(5);
constexpr size_t kLength = 600;
constexpr double kRefreshCredit = 2;  // Seconds of a tenant of weight 1.

// Users are called by their tenant's number and their own: t1m5.
size_t TenantOf(const std::string& user) { return static_cast<size_t>(user[1] - '0'); }
double Seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

// How long each tenant's connections were open, by what a server sees: from the accept, which does
// not say whose it is, until it notices the end.
class ServersView final : public test_support::ScriptedObserver {
 public:
  explicit ServersView(const Clock& clock) : clock_(clock), start_(clock.Now()) {}

  void OnConnected(const std::string& /*client*/) override { accepted_.push_back(clock_.Now()); }
  void OnLoginTried(const std::string& /*client*/) override {}
  void OnLoggedIn(const std::string& /*client*/, const std::string& user) override {
    // Every command takes the same time: who was first accepted is logged in first.
    since_[user] = accepted_.front();
    accepted_.pop_front();
  }
  void OnBodies(const std::string& /*client*/, uint64_t /*bytes*/) override {}
  void OnLeft(const std::string& /*client*/, const std::string& user) override {
    const auto it = since_.find(user);
    if (it == since_.end()) {
      return;
    }
    const double from = Seconds(it->second - start_);
    const double to = Seconds(clock_.Now() - start_);
    since_.erase(it);
    longest_ = std::max(longest_, to - from);
    const auto tenant = TenantOf(user);
    for (auto second = static_cast<size_t>(from); static_cast<double>(second) < to; ++second) {
      const auto begin = static_cast<double>(second);
      used_.resize(std::max(used_.size(), second + 1));
      used_[second][tenant] += std::min(to, begin + 1) - std::max(from, begin);
    }
  }

  size_t Second() const { return static_cast<size_t>((clock_.Now() - start_) / seconds(1)); }
  // By second since the start; complete but for the last `longest`.
  const std::vector<std::array<double, kTenants>>& used() const { return used_; }
  double longest() const { return longest_; }  // Session.

 private:
  const Clock& clock_;
  const TimePoint start_;
  std::deque<TimePoint> accepted_;
  std::map<std::string, TimePoint> since_;  // By user.
  std::vector<std::array<double, kTenants>> used_;
  double longest_ = 0;
};

class OverloadedWorld final : public app::EngineFixture {
 public:
  explicit OverloadedWorld(uint64_t seed) : OverloadedWorld(SeededRandom(seed)) {}
  // What was posted still runs, and needs it; connections outlive it.
  ~OverloadedWorld() override {
    Stop();
    server_.observer = nullptr;
  }
  OverloadedWorld(const OverloadedWorld&) = delete;
  OverloadedWorld& operator=(const OverloadedWorld&) = delete;

  // Empty: every tenant had its part all the time.
  std::string Run() {
    Start();
    // First checks are windows, which have a share of their own.
    if (!RunUntil([this] { return EveryMailboxIsKnown(); }, kWarmUpMax)) {
      return "a mailbox has not been checked in " + std::to_string(kWarmUpMax / seconds(1)) + " s";
    }
    const size_t first = view_.Second() + 1;
    const size_t end = first + kLength;
    while (view_.Second() < end) {
      RefreshSome();
      // Until the next event after that time.
      RunUntil([this] { return NoteLate(); }, kRefreshEvery);
    }
    Stop();
    for (size_t second = first; second + kWindow <= end; ++second) {
      CheckShares(second);
    }
    return violation_;
  }
  // Checks for another weight than the engine was told: it must be caught at that.
  void ExpectWeight(size_t tenant, double times) { expected_[tenant] *= times; }
  double least() const { return least_; }      // The least part of its share that a tenant had.
  double used_up() const { return used_up_; }  // The most of what it may lack that one lacked.
  uint64_t windows() const { return windows_; }

 private:
  explicit OverloadedWorld(SeededRandom random)
      : EngineFixture(milliseconds(random.Below(20))), choices_(random) {
    config_.default_limits.connections = 1 + static_cast<uint32_t>(choices_.Below(3));
    config_.default_limits.logins_per_second = 50;
    server_.faults.delay_per_command = milliseconds(300 + choices_.Below(300));
    server_.observer = &view_;
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
      expected_[i] = tenant.weight;
      tenant.freshness.normal = seconds(1 + choices_.Below(3));
      tenant.mailboxes.clear();
    }
    for (config::MailboxConfig& mailbox : all) {
      config_.tenants[TenantOf(mailbox.id)].mailboxes.push_back(std::move(mailbox));
    }
  }
  void TestBody() override {}

  bool EveryMailboxIsKnown() const {
    const auto& mailboxes = collector_->mailboxes();
    return !mailboxes.empty() && std::all_of(mailboxes.begin(), mailboxes.end(), [](const auto& m) {
      return m->last_complete != WallTime{};
    });
  }

  // At every step of the loop: who has a check that is late and waits. Never true.
  bool NoteLate() {
    const WallTime now = clock_.WallNow();
    std::array<bool, kTenants> late{};
    for (const auto& mailbox : collector_->mailboxes()) {
      const bool waits = mailbox->phase != app::MailboxState::Phase::kCollecting;
      bool& of_tenant = late[TenantOf(mailbox->config->id)];
      of_tenant = of_tenant || (waits && mailbox->next_due < now);
    }
    const size_t second = view_.Second();
    if (second >= late_.size()) {
      // What nothing happened in is as it was before.
      late_.resize(second + 1, late);
    }
    for (size_t i = 0; i < kTenants; ++i) {
      late_[second][i] = late_[second][i] && late[i];
    }
    return false;
  }

  // Of the window that begins at second `first`.
  void CheckShares(size_t first) {
    std::array<double, kTenants> used{};
    std::array<bool, kTenants> late{};
    late.fill(true);
    double all = 0;
    for (size_t second = first; second < first + kWindow; ++second) {
      for (size_t i = 0; i < kTenants; ++i) {
        used[i] += view_.used()[second][i];
        all += view_.used()[second][i];
        late[i] = late[i] && late_[second][i];
      }
    }
    const double weights = std::accumulate(expected_.begin(), expected_.end(), 0.0);
    for (size_t i = 0; i < kTenants; ++i) {
      if (late[i]) {
        CheckShare(i, used[i], all, expected_[i] / weights);
      }
    }
  }

  // Of a tenant that had late checks waiting all the time. A refresh makes its mailbox active,
  // which is late only after the freshness of active ones: a tenant of such mailboxes may want
  // less.
  void CheckShare(size_t tenant, double used, double all, double part) {
    const double connections = config_.default_limits.connections;
    const double session = view_.longest();
    // At the end of the window each other tenant may be one session ahead of it, at its beginning
    // it may have been one ahead of all others; and what is under way counts when it is granted:
    // at the end its own on some connections, at the beginning the others' on all.
    const double sessions = part * (kTenants - 1) + (1 - part) + connections;
    // Refreshes put their tenant ahead of its share: they take that from all others, and their
    // tenant pays it back.
    const double credit = kRefreshCredit * config_.tenants[0].weight;
    const double lacking = sessions * session + credit * (tenant == 0 ? 1 - part : part);
    ++windows_;
    least_ = std::min(least_, used / (all * part));
    used_up_ = std::max(used_up_, (all * part - used) / lacking);
    if (used < all * part - lacking && violation_.empty()) {
      violation_ = config_.tenants[tenant].name + " had " + std::to_string(used) + " s of " +
                   std::to_string(all) + " s, its share is " + std::to_string(all * part) +
                   " s, of which it may lack " + std::to_string(lacking) + " s";
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

  SeededRandom choices_;
  ServersView view_{clock_};
  std::array<double, kTenants> expected_{};       // Weights.
  std::vector<std::array<bool, kTenants>> late_;  // All through a second.
  std::string violation_;
  double least_ = 1;
  double used_up_ = 0;
  uint64_t windows_ = 0;
};

TEST(FairnessTest, InOverloadEveryTenantHasItsWeightedShareInEveryWindow) {
  constexpr uint64_t kOneOf = 4;  // They are long.
  const Seeds seeds;
  double least = 1;
  double used_up = 0;
  uint64_t windows = 0;
  const uint64_t count = std::max<uint64_t>(seeds.count / kOneOf, 1);
  for (uint64_t seed = seeds.first; seed < seeds.first + count; ++seed) {
    OverloadedWorld world(seed);
    ASSERT_EQ(world.Run(), "") << "again: MAILHAUL_SEED=" << seed
                               << " MAILHAUL_SEEDS=1 simulation_test";
    least = std::min(least, world.least());
    used_up = std::max(used_up, world.used_up());
    windows += world.windows();
  }
  std::cout << count << " seeds, " << windows << " windows of tenants that were late all through; "
            << "the least that one had in " << kWindow << " s is " << least
            << " of its share, the most it lacked " << used_up << " of what it may\n";
  EXPECT_GT(windows, count * kLength) << "hardly an overload";
}

TEST(FairnessTest, AShareThatIsNotKeptIsCaught) {
  uint64_t caught = 0;
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    OverloadedWorld world(seed);
    world.ExpectWeight(/*tenant=*/1, /*times=*/2);
    caught += world.Run().empty() ? 0 : 1;
  }
  EXPECT_GE(caught, 8U);
}

}  // namespace
}  // namespace mailhaul::simulation
