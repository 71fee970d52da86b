// Sessions of active mailboxes: held open, woken by news, given up when others need their place.
#include <map>
#include <set>

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
  void MarkActive(const std::string& id) {
    loop_.Post([this, id] { collector_->MarkActive("acme", id); });
  }
  const MailboxState& State(const std::string& id) { return *collector_->Find("acme", id); }
  // Its session idles, or checks.
  bool IsOpen(const std::string& id) {
    return State(id).held_in.has_value() || State(id).phase == MailboxState::Phase::kCollecting;
  }
  std::set<std::string> Holders() const {
    std::set<std::string> holders;
    for (const auto& mailbox : collector_->mailboxes()) {
      if (mailbox->held_in.has_value()) {
        holders.insert(mailbox->config->id);
      }
    }
    return holders;
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

TEST_F(CollectorHoldsTest, OfOneThatIsActiveForEverToo) {
  config_.default_limits.connections = 1;
  AddMailbox("alice");
  AddMailbox("bob");
  AddMessage("alice", "one");
  StartActive("alice");
  using std::chrono::milliseconds;
  RunFor((TimePoint::max() - clock_.Now()) % milliseconds(1));
  loop_.Post([this] {
    config_.tenants.front().freshness.active_for =
        std::chrono::duration_cast<milliseconds>(TimePoint::max() - clock_.Now());
    collector_->MarkActive("acme", "alice");
  });
  RunFor(seconds(1));
  ASSERT_EQ(State("alice").active_until, TimePoint::max());
  AddMessage("bob", "one");
  EXPECT_TRUE(RunUntil([this] { return Messages("bob") == 1; }, minutes(6)));
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

TEST_F(CollectorHoldsTest, SlotsGoToActiveMailboxesAndNeverToOthers) {
  config_.default_limits.connections = 3;
  config_.tenants.front().freshness.normal = minutes(1);
  config_.tenants.front().freshness.active_for = std::chrono::hours(1);
  const std::set<std::string> active = {"a0", "a1", "a2"};
  for (const char* id : {"i0", "a0", "i1", "a1", "i2", "a2", "i3", "i4"}) {
    AddMailbox(id);
  }
  Start();
  RunFor(minutes(2));
  for (const std::string& id : active) {
    MarkActive(id);
    RunFor(seconds(7));
  }
  for (const char* id : {"i0", "i1", "i2", "i3", "i4"}) {
    // One by one: what waits together takes a slot each.
    loop_.Post([this, id] { EXPECT_TRUE(collector_->Refresh("acme", id)); });
    RunFor(std::chrono::milliseconds(9100));
  }
  RunFor(minutes(1));
  std::map<std::string, int> open;
  const TimePoint login = State("a2").granted_at;
  constexpr int kSamples = 600;
  for (int i = 0; i < kSamples; ++i) {
    RunFor(seconds(1));
    for (const std::string& id : Holders()) {
      EXPECT_TRUE(active.contains(id)) << id << " is not active";
    }
    for (const std::string& id : active) {
      open[id] += IsOpen(id) ? 1 : 0;
    }
    EXPECT_LE(server_.counters.connections_open, 3U);
  }
  // Each check of the others takes a slot, always that of the one looked at longest ago.
  EXPECT_GT(open["a0"], 0);
  EXPECT_GT(open["a1"], kSamples * 3 / 4);
  EXPECT_EQ(open["a2"], kSamples);
  EXPECT_EQ(State("a2").granted_at, login);
  for (const char* id : {"i0", "i1", "i2", "i3", "i4"}) {
    EXPECT_GE(State(id).last_complete, clock_.WallNow() - seconds(61)) << id;
  }
}

TEST_F(CollectorHoldsTest, OfMoreActiveMailboxesThanSlotsThoseLookedAtLastKeepTheirs) {
  config_.default_limits.connections = 2;
  config_.tenants.front().freshness.active_for = std::chrono::hours(1);
  for (const char* id : {"young", "old", "older"}) {
    AddMailbox(id);
  }
  Start();
  RunFor(minutes(2));
  for (const char* id : {"older", "old", "young"}) {
    MarkActive(id);
    RunFor(seconds(8));
  }
  RunFor(minutes(1));
  const TimePoint login = State("young").granted_at;
  for (int i = 0; i < 600; ++i) {
    RunFor(seconds(1));
    EXPECT_TRUE(IsOpen("young"));
    for (const char* id : {"old", "older"}) {
      EXPECT_GE(State(id).last_complete, clock_.WallNow() - seconds(31)) << id;
    }
  }
  EXPECT_EQ(State("young").granted_at, login);
  // Whoever is looked at gets the slot, from its next check on.
  MarkActive("older");
  RunFor(minutes(1));
  const TimePoint other_login = State("older").granted_at;
  RunFor(minutes(5));
  EXPECT_TRUE(IsOpen("older"));
  EXPECT_EQ(State("older").granted_at, other_login);
}

TEST_F(CollectorHoldsTest, OfThoseLookedAtTogetherTheOneHeldLongestGoes) {
  config_.default_limits.connections = 2;
  config_.tenants.front().freshness.active_for = std::chrono::hours(1);
  for (const char* id : {"alice", "bob", "carol"}) {
    AddMailbox(id);
  }
  Start();
  RunFor(minutes(2));
  MarkActive("alice");
  MarkActive("bob");
  ASSERT_TRUE(RunUntil([this] { return Holders().size() == 2; }, minutes(1)));
  const bool alice_first = State("alice").held_ticket < State("bob").held_ticket;
  loop_.Post([this] { EXPECT_TRUE(collector_->Refresh("acme", "carol")); });
  ASSERT_TRUE(RunUntil([this] { return Holders().size() == 1; }, seconds(5)));
  EXPECT_TRUE(Holders().contains(alice_first ? "bob" : "alice"));
}

TEST_F(CollectorHoldsTest, OneCheckTakesOneSlotOfAFullEgressAddress) {
  config_.egress = {{.address = "", .connections = 3}};
  for (const char* id : {"alice", "bob", "carol", "dave"}) {
    AddMailbox(id);
    config_.tenants.front().mailboxes.back().pool = std::string(id) + ".example";
  }
  Start();
  RunFor(minutes(2));
  for (const char* id : {"bob", "alice", "carol"}) {
    MarkActive(id);
    RunFor(seconds(1));
  }
  ASSERT_TRUE(RunUntil([this] { return Holders().size() == 3; }, minutes(1)));
  loop_.Post([this] { EXPECT_TRUE(collector_->Refresh("acme", "dave")); });
  ASSERT_TRUE(RunUntil([this] { return Holders().size() < 3; }, seconds(5)));
  EXPECT_EQ(Holders(), (std::set<std::string>{"alice", "carol"}));
  RunFor(seconds(5));
  EXPECT_GE(State("dave").last_complete, clock_.WallNow() - seconds(6));
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
