// What a server answers to `status --watch` is what the watcher reads.
#include "engine/app/watch_answer.h"

#include "engine/app/watch_snapshot.h"
#include "tests/app/engine_fixture.h"

namespace mailhaul::app {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

class WatchAnswerTest : public EngineFixture {
 protected:
  WatchSnapshot Ask() {
    const CollectorDirectory directory(config_, *collector_, clock_);
    const Result<WatchSnapshot> told = ParseWatch(WatchJson({.collector = *collector_,
                                                             .directory = directory,
                                                             .progress = context().progress,
                                                             .clock = clock_,
                                                             .started = clock_.WallNow()}));
    EXPECT_TRUE(told.ok()) << told.status().ToString();
    return told.ok() ? *told : WatchSnapshot{};
  }
};

TEST_F(WatchAnswerTest, TellsOfTenantsPoolsAndCounters) {
  AddMailbox("alice");
  AddMailbox("bob");
  Start();
  RunFor(minutes(12));
  const WatchSnapshot told = Ask();
  EXPECT_EQ(told.mailboxes, 2U);
  EXPECT_EQ(told.trouble, 0U);
  EXPECT_EQ(told.pending, 0U);
  EXPECT_GE(told.checks, 2U);
  ASSERT_EQ(told.tenants.size(), 1U);
  EXPECT_EQ(told.tenants[0].name, "acme");
  EXPECT_EQ(told.tenants[0].mailboxes, 2U);
  EXPECT_EQ(told.tenants[0].checks, told.checks);
  EXPECT_EQ(told.tenants[0].lag_seconds, 0U);
  ASSERT_EQ(told.pools.size(), 1U);
  EXPECT_EQ(told.pools[0].host, "imap.example.com");
  EXPECT_GT(told.pools[0].window, 0U);
  EXPECT_TRUE(told.troubles.empty());
}

TEST_F(WatchAnswerTest, MailboxesThatFailAreTroublesAndGetLate) {
  AddMailbox("alice");
  Start();
  RunFor(seconds(10));
  server_.faults.greeting = "* BYE [UNAVAILABLE] out of order";
  RunFor(minutes(30));
  const WatchSnapshot told = Ask();
  EXPECT_EQ(told.trouble, 1U);
  EXPECT_EQ(told.late, 1U);
  ASSERT_EQ(told.tenants.size(), 1U);
  EXPECT_GT(told.tenants[0].lag_seconds, 600U);
  EXPECT_EQ(told.tenants[0].trouble, 1U);
  ASSERT_EQ(told.troubles.size(), 1U);
  EXPECT_EQ(told.troubles[0].mailbox, "acme/alice");
  EXPECT_FALSE(told.troubles[0].detail.empty());
}

TEST_F(WatchAnswerTest, AnAnswerIsBounded) {
  const size_t count = kTroublesWatchedMax + 50;
  for (size_t i = 0; i < count; ++i) {
    AddMailbox("box" + std::to_string(i));
  }
  server_.faults.greeting = "* BYE [UNAVAILABLE] out of order";
  Start();
  RunFor(minutes(30));
  const WatchSnapshot told = Ask();
  EXPECT_EQ(told.mailboxes, count);
  EXPECT_EQ(told.pending, count);
  EXPECT_LE(told.troubles.size(), kTroublesWatchedMax);
  EXPECT_EQ(told.troubles.size() + told.troubles_left_out, told.trouble);
}

}  // namespace
}  // namespace mailhaul::app
