// What HTTP tells of the scheduler: why a mailbox waits, the pools, the metrics.
#include "engine/app/directory.h"

#include "tests/app/engine_fixture.h"

namespace mailhaul::app {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

class DirectoryTest : public EngineFixture {
 protected:
  DirectoryTest() { config_.http.emplace(); }
  std::unique_ptr<CollectorDirectory> Open() {
    return std::make_unique<CollectorDirectory>(config_, *collector_, clock_);
  }
};

TEST_F(DirectoryTest, AMailboxThatIsUpToDateIsNotDue) {
  AddMailbox("alice");
  Start();
  RunFor(seconds(10));
  const http::MailboxLive live = Open()->Live("acme", "alice");
  EXPECT_FALSE(live.throttled);
  ASSERT_TRUE(live.waiting.has_value());
  EXPECT_EQ(live.waiting->cause, "not_due");
  ASSERT_TRUE(live.waiting->until.has_value());
  EXPECT_GT(*live.waiting->until, clock_.WallNow() + minutes(3));
  EXPECT_LT(*live.waiting->until, clock_.WallNow() + minutes(5));
  EXPECT_FALSE(live.waiting->text.empty());
}

TEST_F(DirectoryTest, AMailboxWhoseSessionIsHeldWaitsForNews) {
  server_.options.capabilities.emplace_back("IDLE");
  AddMailbox("alice");
  Start();
  RunFor(minutes(1));
  loop_.Post([this] { collector_->MarkActive("acme", "alice"); });
  ASSERT_TRUE(RunUntil([this] { return server_.counters.commands["IDLE"] > 0; }, minutes(2)));
  const http::MailboxLive live = Open()->Live("acme", "alice");
  EXPECT_EQ(live.state, "ok");
  EXPECT_EQ(live.waiting->cause, "running");
  EXPECT_NE(live.waiting->text.find("waits for news"), std::string::npos) << live.waiting->text;
}

TEST_F(DirectoryTest, APoolThatIsThrottledSaysSo) {
  AddMailbox("alice");
  AddMailbox("bob");
  config_.default_limits.connections = 7;
  server_.faults.greeting = "* BYE [UNAVAILABLE] Too many connections";
  Start();
  RunFor(seconds(10));
  const auto directory = Open();
  const std::vector<http::PoolLive> pools = directory->Pools(0, 10);
  ASSERT_EQ(pools.size(), 1U);
  EXPECT_EQ(pools[0].configured_limit, 7U);
  EXPECT_LT(pools[0].limit, 7U);
  EXPECT_GT(pools[0].logins, 0U);
  EXPECT_GT(pools[0].throttles, 0U);
  EXPECT_TRUE(pools[0].until.has_value());
  EXPECT_EQ(pools[0].cause, "throttled");
  EXPECT_TRUE(directory->Live("acme", "alice").throttled);
  const std::string metrics = directory->Metrics();
  const std::string labels = "{host=\"imap.example.com\",egress=\"\"";
  for (const std::string& line : {
           "mailhaul_pool_window" + labels + "} " + std::to_string(pools[0].limit) + "\n",
           "mailhaul_pool_throttles_total" + labels + "} " + std::to_string(pools[0].throttles) +
               "\n",
           "mailhaul_pool_waits_total" + labels + ",cause=\"throttled\"} ",
       }) {
    EXPECT_NE(metrics.find(line), std::string::npos) << line << metrics;
  }
  EXPECT_TRUE(directory->Pools(1, 10).empty());
}

TEST_F(DirectoryTest, MetricsTellOfTenantsAndPools) {
  AddMailbox("alice");
  config_.default_limits.bytes_per_day = 1 << 20;
  Start();
  RunFor(minutes(20));
  const std::string text = Open()->Metrics();
  for (const char* line : {
           "# TYPE mailhaul_check_lag_seconds histogram\n",
           "mailhaul_check_lag_seconds_bucket{tenant=\"acme\",le=\"+Inf\"} 4\n",
           "mailhaul_checks_total{tenant=\"acme\"} 4\n",
           "mailhaul_deadline_misses_total{tenant=\"acme\"} ",
           "mailhaul_pool_window{host=\"imap.example.com\",egress=\"\"} 10\n",
           "mailhaul_pool_grants_total{host=\"imap.example.com\",egress=\"\",kind=\"new\"} 4\n",
           "mailhaul_pool_logins_total{host=\"imap.example.com\",egress=\"\"} 5\n",
           "mailhaul_pool_day_bytes{host=\"imap.example.com\",egress=\"\"} 0\n",
       }) {
    EXPECT_NE(text.find(line), std::string::npos) << line << text;
  }
}

TEST_F(DirectoryTest, MetricsAreOpenOnLoopbackOnly) {
  AddMailbox("alice");
  Start();
  EXPECT_TRUE(Open()->MetricsAreOpen());
  config_.http->address = "0.0.0.0";
  EXPECT_FALSE(Open()->MetricsAreOpen());
  config_.http->address = "::1";
  EXPECT_TRUE(Open()->MetricsAreOpen());
}

}  // namespace
}  // namespace mailhaul::app
