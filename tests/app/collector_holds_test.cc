// Sessions of active mailboxes: held open, woken by news, given up when others need their place.
#include "tests/app/engine_fixture.h"

namespace mailhaul::app {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

class CollectorHoldsTest : public EngineFixture {
 protected:
  CollectorHoldsTest() { server_.options.capabilities.emplace_back("IDLE"); }

  // Until the session of the active mailbox idles.
  void StartActive(const std::string& id) {
    Start();
    ASSERT_TRUE(RunUntil([this, &id] { return Messages(id) == 1; }, minutes(1)));
    loop_.Post([this, id] { collector_->MarkActive("acme", id); });
    ASSERT_TRUE(RunUntil([this] { return server_.counters.commands["IDLE"] > 0; }, minutes(2)));
  }
};

TEST_F(CollectorHoldsTest, NewMailOfAnActiveMailboxArrivesAtOnceWithoutALogin) {
  AddMailbox("alice");
  AddMessage("alice", "one");
  StartActive("alice");
  const uint64_t logins = server_.counters.logins;
  for (uint64_t number = 2; number < 5; ++number) {
    AddMessage("alice", "more");
    EXPECT_TRUE(RunUntil([this, number] { return Messages("alice") == number; }, seconds(3)));
  }
  EXPECT_EQ(server_.counters.logins, logins);
}

TEST_F(CollectorHoldsTest, AMailboxThatIsNoLongerActiveGivesItsConnectionBack) {
  AddMailbox("alice");
  AddMessage("alice", "one");
  StartActive("alice");
  EXPECT_EQ(server_.counters.connections_open, 1U);
  RunFor(minutes(15));
  EXPECT_EQ(server_.counters.connections_open, 0U);
}

TEST_F(CollectorHoldsTest, AHeldConnectionIsGivenToAMailboxThatWaits) {
  config_.default_limits.connections = 1;
  AddMailbox("alice");
  AddMailbox("bob");
  AddMessage("alice", "one");
  StartActive("alice");
  AddMessage("bob", "one");
  EXPECT_TRUE(RunUntil([this] { return Messages("bob") == 1; }, minutes(6)));
  EXPECT_EQ(server_.counters.connections_open_max, 1U);
}

TEST_F(CollectorHoldsTest, WithoutIdleTheSessionIsCheckedByFreshness) {
  server_.options.capabilities.pop_back();
  AddMailbox("alice");
  AddMessage("alice", "one");
  Start();
  ASSERT_TRUE(RunUntil([this] { return Messages("alice") == 1; }, minutes(1)));
  loop_.Post([this] { collector_->MarkActive("acme", "alice"); });
  RunFor(minutes(2));
  const uint64_t logins = server_.counters.logins;
  AddMessage("alice", "two");
  EXPECT_TRUE(RunUntil([this] { return Messages("alice") == 2; }, seconds(31)));
  EXPECT_EQ(server_.counters.logins, logins);
}

TEST_F(CollectorHoldsTest, ALostSessionIsReplacedWithTheNextCheck) {
  AddMailbox("alice");
  AddMessage("alice", "one");
  StartActive("alice");
  server_.faults.cut_after_bytes = 0;  // Of connections made from now on, too.
  AddMessage("alice", "two");
  RunFor(minutes(1));
  server_.faults.cut_after_bytes = SIZE_MAX;
  EXPECT_TRUE(RunUntil([this] { return Messages("alice") == 2; }, minutes(20)));
}

TEST_F(CollectorHoldsTest, ARefreshRunsOnTheHeldSession) {
  AddMailbox("alice");
  AddMessage("alice", "one");
  server_.options.capabilities.pop_back();
  Start();
  ASSERT_TRUE(RunUntil([this] { return Messages("alice") == 1; }, minutes(1)));
  loop_.Post([this] { collector_->MarkActive("acme", "alice"); });
  RunFor(minutes(1));
  AddMessage("alice", "two");
  bool accepted = false;
  bool again = true;
  loop_.Post([&] {
    accepted = collector_->Refresh("acme", "alice");
    again = collector_->Refresh("acme", "alice");
  });
  EXPECT_TRUE(RunUntil([this] { return Messages("alice") == 2; }, seconds(2)));
  EXPECT_TRUE(accepted);
  EXPECT_FALSE(again);
}

TEST_F(CollectorHoldsTest, StoppingEndsHeldSessions) {
  AddMailbox("alice");
  AddMessage("alice", "one");
  StartActive("alice");
  Stop();
  EXPECT_EQ(server_.counters.connections_open, 0U);
}

}  // namespace
}  // namespace mailhaul::app
