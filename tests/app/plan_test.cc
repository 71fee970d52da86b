// What the planner is told of configuration and store, and whether the engine does what it says.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>

#include "engine/app/check_time.h"
#include "engine/app/plan_report.h"
#include "engine/app/plan_world.h"
#include "scheduler/planner.h"
#include "tests/app/engine_fixture.h"

namespace mailhaul::app {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

config::MailboxConfig BoxOf(const std::string& id, const std::string& pool) {
  config::MailboxConfig mailbox;
  mailbox.id = id;
  mailbox.pool = pool;
  return mailbox;
}

class PlanWorldTest : public testing::Test {
 protected:
  PlanWorldTest() {
    config_.egress = {{"192.0.2.1", 7}, {"192.0.2.2", 8}};
    config_.default_limits.connections = 3;
    config_.hosts["special"].logins_per_second = 2;
    config_.hosts["special"].bytes_per_day = 1'000'000;
    config_.tenants.resize(2);
    config_.tenants[0].name = "acme";
    config_.tenants[0].weight = 3;
    config_.tenants[1].name = "beta";
  }

  scheduler::World Build() { return BuildPlanWorld(config_, nullptr, measured_, assumptions_); }

  config::Config config_;
  PlanAssumptions assumptions_;
  MeasuredChecks measured_;
};

TEST_F(PlanWorldTest, TakesLimitsAndWeightsFromTheConfiguration) {
  config_.tenants[0].mailboxes = {BoxOf("a", "one"), BoxOf("b", "special"), BoxOf("c", "one")};
  config_.tenants[1].mailboxes = {BoxOf("a", "one")};
  const scheduler::World world = Build();
  ASSERT_EQ(world.egress.size(), 2U);
  EXPECT_EQ(world.egress[1].connections, 8U);
  ASSERT_EQ(world.hosts.size(), 2U);
  EXPECT_EQ(world.hosts[0].name, "one");
  EXPECT_EQ(world.hosts[0].limits.connections, 3U);
  EXPECT_EQ(world.hosts[0].limits.bytes_per_day, 0U);
  EXPECT_EQ(world.hosts[1].limits.logins_per_second, 2U);
  EXPECT_EQ(world.hosts[1].limits.bytes_per_day, 1'000'000U);
  EXPECT_EQ(world.tenants[0].weight, 3U);
  ASSERT_EQ(world.mailboxes.size(), 4U);
  EXPECT_EQ(world.mailboxes[1].host, 1U);
  EXPECT_EQ(world.mailboxes[3].tenant, 1U);
}

TEST_F(PlanWorldTest, TheSameShareOfEachPoolIsActive) {
  assumptions_.active_share = 0.25;
  for (int i = 0; i < 40; ++i) {
    config_.tenants[0].mailboxes.push_back(BoxOf(std::to_string(i), i % 2 == 0 ? "one" : "two"));
  }
  std::map<uint32_t, int> active;
  for (const scheduler::WorldMailbox& mailbox : Build().mailboxes) {
    EXPECT_EQ(mailbox.freshness, Duration(mailbox.held ? config_.tenants[0].freshness.active
                                                       : config_.tenants[0].freshness.normal));
    active[mailbox.host] += mailbox.held ? 1 : 0;
  }
  EXPECT_EQ(active, (std::map<uint32_t, int>{{0, 5}, {1, 5}}));
}

TEST_F(PlanWorldTest, NobodyAndEverybodyMayBeActive) {
  config_.tenants[0].mailboxes = {BoxOf("a", "one"), BoxOf("b", "one")};
  assumptions_.active_share = 0;
  EXPECT_FALSE(Build().mailboxes[0].held || Build().mailboxes[1].held);
  assumptions_.active_share = 1;
  EXPECT_TRUE(Build().mailboxes[0].held && Build().mailboxes[1].held);
}

TEST_F(PlanWorldTest, Pop3IsNotHeldAndKeepsItsInterval) {
  auto profile = std::make_shared<config::ProviderProfile>();
  profile->pop3_check_interval = minutes(10);
  profile->limits.pop3_mailbox_bytes_per_day = 5'000'000;
  config::MailboxConfig mailbox = BoxOf("a", "provider");
  mailbox.source.protocol = config::Protocol::kPop3;
  mailbox.profile = profile;
  config_.tenants[0].mailboxes = {mailbox};
  assumptions_.active_share = 1;
  const scheduler::World world = Build();
  EXPECT_FALSE(world.mailboxes[0].held);
  EXPECT_EQ(world.mailboxes[0].login_interval, Duration(minutes(10)));
  EXPECT_EQ(world.mailboxes[0].bytes_per_day, 5'000'000U);
}

TEST_F(PlanWorldTest, CheckTimeIsGivenOrComputedFromRoundTrips) {
  config_.tenants[0].mailboxes = {BoxOf("a", "one")};
  assumptions_.round_trip = milliseconds(100);
  EXPECT_EQ(Build().hosts[0].times.Session(), Duration(milliseconds(600)));
  config_.tenants[0].mailboxes[0].source.security = config::SecurityMode::kPlaintext;
  EXPECT_EQ(Build().hosts[0].times.Session(), Duration(milliseconds(400)));
  assumptions_.check_time = milliseconds(123);
  EXPECT_EQ(Build().hosts[0].times.Session(), Duration(milliseconds(123)));
}

TEST_F(PlanWorldTest, AMeasuredCheckTimeComesBeforeTheComputedOne) {
  config_.tenants[0].mailboxes = {BoxOf("a", "one"), BoxOf("b", "two")};
  measured_["one"] = {"one", 30, milliseconds(250), milliseconds(50)};
  assumptions_.round_trip = milliseconds(100);
  const scheduler::World world = Build();
  EXPECT_EQ(world.hosts[0].times.Session(), Duration(milliseconds(250)));
  // A fifth of the whole: of each of three independent parts it is more.
  EXPECT_NEAR(world.hosts[0].times.spread, 0.2 / 0.628, 0.01);
  EXPECT_EQ(world.hosts[1].times.Session(), Duration(milliseconds(600)));
  EXPECT_NE(world.hosts[1].times.spread, world.hosts[0].times.spread);
}

TEST(MeasuredChecks, FewSamplesOrAGivenTimeAreNotMeasured) {
  store::MemoryKeyValueStore records;
  const store::CheckTimeRow few = {"few", CheckTime::kSamplesMin - 1, milliseconds(9), {}};
  const store::CheckTimeRow enough = {"enough", CheckTime::kSamplesMin, milliseconds(9), {}};
  const store::CheckTimeRow nothing = {"nothing", CheckTime::kSamplesMin, {}, {}};
  const std::array rows = {few, enough, nothing};
  ASSERT_TRUE(store::SaveCheckTimes(records, rows).ok());
  PlanAssumptions assumptions;
  EXPECT_EQ(ReadMeasuredChecks(records, assumptions).value(), (MeasuredChecks{{"enough", enough}}));
  assumptions.check_time = milliseconds(5);
  EXPECT_TRUE(ReadMeasuredChecks(records, assumptions).value().empty());
}

TEST_F(PlanWorldTest, ReportsSayWhatWasMeasured) {
  config_.egress = {{"", 100}};
  config_.tenants[0].mailboxes = {BoxOf("a", "one"), BoxOf("b", "two")};
  config_.tenants[0].collect.backfill = false;
  measured_["one"] = {"one", 77, milliseconds(251), {}};
  Plan plan;
  plan.world = Build();
  plan.measured = measured_;
  plan.assumptions = assumptions_;
  plan.forecast = MakeForecast(plan.world, scheduler::ForecastOptions{});
  const std::string json = PlanAsJson(plan);
  EXPECT_NE(json.find(R"("check_seconds":2.51E-1,"check_source":"measured","check_samples":77)"),
            std::string::npos)
      << json;
  EXPECT_NE(json.find(R"("check_source":"assumed","check_samples":null)"), std::string::npos);
  const std::string text = PlanAsText(plan);
  EXPECT_NE(text.find(" 251ms "), std::string::npos) << text;
  EXPECT_NE(text.find(" 300ms* "), std::string::npos) << text;
}

TEST_F(PlanWorldTest, BackfillIsAssumedUnlessSwitchedOff) {
  config_.tenants[0].mailboxes = {BoxOf("a", "one")};
  config_.tenants[1].mailboxes = {BoxOf("a", "one")};
  config_.tenants[1].collect.backfill = false;
  assumptions_.mailbox_bytes = 77;
  const scheduler::World world = Build();
  EXPECT_EQ(world.mailboxes[0].backfill_bytes, 77U);
  EXPECT_EQ(world.mailboxes[1].backfill_bytes, 0U);
}

TEST_F(PlanWorldTest, ReportsNameWhatDoesNotHoldFirst) {
  config_.egress = {{"", 100}};
  config_.hosts["slow"].logins_per_second = 1;
  for (int i = 0; i < 500; ++i) {
    config_.tenants[0].mailboxes.push_back(BoxOf(std::to_string(i), i % 5 == 0 ? "fast" : "slow"));
  }
  assumptions_.active_share = 0;
  Plan plan;
  plan.world = Build();
  plan.assumptions = assumptions_;
  plan.world = WithoutBackfill(plan.world);
  plan.forecast = MakeForecast(plan.world, scheduler::ForecastOptions{});
  EXPECT_FALSE(plan.holds());
  const std::string text = PlanAsText(plan);
  EXPECT_LT(text.find("late by"), text.find("holds\n"));
  EXPECT_NE(text.find("freshness does not hold for 1 of 2 rows"), std::string::npos);
  EXPECT_NE(PlanAsJson(plan).find("\"holds\":false"), std::string::npos);
}

// The engine itself, in virtual time, beside the forecast for it.
class PlanFixture : public EngineFixture {
 protected:
  PlanFixture() : EngineFixture(milliseconds(5)) {}

  static constexpr int kMailboxes = 60;

  // The times between complete checks, of `cycles` of each mailbox, in seconds; only those of
  // `tenant`, unless it is empty.
  std::vector<double> ServeAndMeasure(int cycles, const std::string& tenant = "") {
    Start();
    std::map<const MailboxState*, WallTime> last;
    std::vector<double> ages;
    const size_t wanted = static_cast<size_t>(kMailboxes) * static_cast<size_t>(cycles);
    while (ages.size() < wanted) {
      RunFor(milliseconds(200));
      for (const auto& mailbox : collector_->mailboxes()) {
        if (!tenant.empty() && mailbox->tenant->name != tenant) {
          continue;
        }
        const auto [entry, first] = last.try_emplace(mailbox.get(), mailbox->last_complete);
        if (entry->second != WallTime{} && entry->second != mailbox->last_complete) {
          ages.push_back(
              std::chrono::duration<double>(mailbox->last_complete - entry->second).count());
        }
        entry->second = mailbox->last_complete;
      }
    }
    Stop();
    // The first cycles of each come with the window, all at once.
    ages.erase(ages.begin(), ages.begin() + static_cast<ptrdiff_t>(ages.size() / 2));
    std::sort(ages.begin(), ages.end());
    return ages;
  }

  // With the check time that the engine measured.
  scheduler::Forecast MakeForecastOfStore() {
    PlanAssumptions assumptions;
    assumptions.active_share = 0;
    MeasuredChecks measured = ReadMeasuredChecks(records_, assumptions).value();
    EXPECT_EQ(measured.size(), 1U);
    // The first checks take a round trip more than the later ones, which is all that differs here.
    measured.begin()->second.deviation = {};
    const scheduler::World world = BuildPlanWorld(config_, mail_.get(), measured, assumptions);
    EXPECT_EQ(world.mailboxes[0].backfill_bytes, 0U);  // The store says so.
    return MakeForecast(world, scheduler::ForecastOptions{});
  }

  double ForecastAge(size_t group = 0) {
    return std::chrono::duration<double>(MakeForecastOfStore().groups.at(group).age_p99).count();
  }

  void Prepare(uint32_t logins_per_second) {
    for (int i = 0; i < kMailboxes; ++i) {
      AddMailbox("m" + std::to_string(i));
      AddMessage("m" + std::to_string(i), "one");
    }
    config_.default_limits.logins_per_second = logins_per_second;
    config_.tenants.front().freshness.normal = seconds(20);
  }
};

TEST_F(PlanFixture, ForetellsALoadThatHolds) {
  Prepare(4);  // 75 %.
  const std::vector<double> ages = ServeAndMeasure(10);
  const double measured = ages[ages.size() * 99 / 100];
  EXPECT_LE(measured, 20);
  EXPECT_NEAR(ForecastAge(), measured, 1.5);
}

TEST_F(PlanFixture, ForetellsALoadThatDoesNotHold) {
  Prepare(2);  // 150 %: 30 s of age.
  const std::vector<double> ages = ServeAndMeasure(10);
  const double measured = ages[ages.size() * 99 / 100];
  EXPECT_GT(measured, 29);
  EXPECT_NEAR(ForecastAge(), measured, 1.5);
}

TEST_F(PlanFixture, ForetellsWhatWeightsDo) {
  Prepare(1);
  // Weights share connection time, so let all checks take the same: so many folders are listed.
  for (int i = 0; i < kMailboxes; ++i) {
    for (const char* folder : {"A", "B", "C"}) {
      server_.Folder("m" + std::to_string(i), folder).uid_validity = 1;
    }
  }
  config_.tenants.push_back(config_.tenants.front());
  config_.tenants.back().name = "beta";
  config_.tenants.back().weight = 2;
  config_.tenants.front().mailboxes.resize(kMailboxes / 2);
  config_.tenants.back().mailboxes.erase(config_.tenants.back().mailboxes.begin(),
                                         config_.tenants.back().mailboxes.begin() + kMailboxes / 2);
  // 30 mailboxes at a third of a login a second, and as many at two thirds.
  const std::vector<double> ages = ServeAndMeasure(10, "acme");
  const double measured = ages[ages.size() / 2];
  EXPECT_NEAR(measured, 90, 3);
  EXPECT_NEAR(ForecastAge(), measured, 3);
  EXPECT_NEAR(ForecastAge(1), 45, 3);
}

}  // namespace
}  // namespace mailhaul::app
