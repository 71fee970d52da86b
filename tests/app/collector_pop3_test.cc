// POP3 sources: a session shows the mailbox as it was at its login, perhaps only a part of it, and
// logins may have to be apart.
#include <gtest/gtest.h>

#include "engine/config/provider.h"
#include "tests/app/engine_fixture.h"

namespace mailhaul::app {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

class CollectorPop3Test : public EngineFixture {
 protected:
  void AddOldMessages(size_t count) {
    for (size_t i = 0; i < count; ++i) {
      server_.Folder("alice").Add("Date: Thu, 1 Jan 2015 00:00:00 +0000\r\nSubject: " +
                                      std::to_string(i) + "\r\n\r\nold\r\n",
                                  WallTime());
    }
  }
  // The profile of its provider, with what `change` says of it.
  void SetProfile(const std::function<void(config::ProviderProfile&)>& change) {
    auto profile = std::make_shared<config::ProviderProfile>();
    change(*profile);
    config_.tenants.front().mailboxes.back().profile = std::move(profile);
  }
};

TEST_F(CollectorPop3Test, EveryCheckIsASessionOfItsOwn) {
  AddPop3Mailbox("alice");
  AddMessage("alice", "one");
  Start();
  EXPECT_TRUE(RunUntil([this] { return Messages("alice") == 1; }, minutes(1)));
  EXPECT_EQ(server_.counters.logins, 1U);
  for (uint64_t number = 2; number < 5; ++number) {
    AddMessage("alice", "more");
    EXPECT_TRUE(RunUntil([this, number] { return Messages("alice") == number; }, minutes(6)));
  }
  EXPECT_EQ(server_.counters.logins, 4U);
  EXPECT_EQ(server_.counters.commands["DELE"], 0U);
}

TEST_F(CollectorPop3Test, ALongBackfillDoesNotHideNewMail) {
  AddPop3Mailbox("alice");
  AddOldMessages(3000);
  server_.faults.delay_per_command = std::chrono::milliseconds(500);
  Start();
  RunFor(minutes(8));
  AddMessage("alice", "new");
  const Uid uid = server_.Folder("alice").messages().back().uid;
  EXPECT_TRUE(RunUntil([this, uid] { return pop3_.fetched.count(uid) > 0; }, minutes(6)));
  EXPECT_LT(Messages("alice"), 3000U);  // The backfill went on meanwhile, and does.
  EXPECT_TRUE(RunUntil([this] { return Messages("alice") == 3001; }, minutes(60)));
}

TEST_F(CollectorPop3Test, KeepsThePauseThatTheServerWantsBetweenLogins) {
  pop3_.capabilities.emplace_back("LOGIN-DELAY 1200");
  AddPop3Mailbox("alice");
  AddOldMessages(10);
  Start();
  // Window and backfill need no second login.
  EXPECT_TRUE(RunUntil([this] { return Messages("alice") == 10; }, minutes(1)));
  RunFor(minutes(18));
  EXPECT_EQ(server_.counters.logins, 1U);
  RunFor(minutes(4));
  EXPECT_EQ(server_.counters.logins, 2U);
  RunFor(minutes(60));
  EXPECT_EQ(server_.counters.logins, 5U);
}

TEST_F(CollectorPop3Test, KeepsThePauseThatTheProviderIsKnownToWant) {
  AddPop3Mailbox("alice");
  SetProfile([](config::ProviderProfile& profile) { profile.pop3_check_interval = minutes(15); });
  Start();
  RunFor(minutes(14));
  EXPECT_EQ(server_.counters.logins, 1U);
  RunFor(minutes(2));
  EXPECT_EQ(server_.counters.logins, 2U);
}

TEST_F(CollectorPop3Test, ARunCollectsAMailboxThatIsShownInParts) {
  pop3_.listed_max = 265;
  pop3_.hides_fetched = true;
  AddPop3Mailbox("alice");
  SetProfile([](config::ProviderProfile& profile) { profile.pop3_partial = true; });
  AddOldMessages(600);
  AddMessage("alice", "new");
  Start(/*continuous=*/false);
  EXPECT_TRUE(RunUntil([this] { return over(); }, minutes(10)));
  EXPECT_EQ(Messages("alice"), 601U);
  EXPECT_EQ(collector_->summary().mailboxes_complete, 1U);
  EXPECT_EQ(server_.counters.bodies(), 601U);
  EXPECT_EQ(server_.counters.logins, 4U);  // The last finds nothing new.
}

TEST_F(CollectorPop3Test, ARunThatWouldHaveToWaitForAnotherLoginIsDeferred) {
  pop3_.listed_max = 265;
  pop3_.hides_fetched = true;
  AddPop3Mailbox("alice");
  SetProfile([](config::ProviderProfile& profile) {
    profile.pop3_partial = true;
    profile.pop3_check_interval = minutes(15);
  });
  AddOldMessages(600);
  Start(/*continuous=*/false);
  EXPECT_TRUE(RunUntil([this] { return over(); }, minutes(10)));
  EXPECT_EQ(Messages("alice"), 265U);
  ASSERT_EQ(collector_->summary().failures.size(), 1U);
  EXPECT_TRUE(collector_->summary().failures.front().deferred);
}

}  // namespace
}  // namespace mailhaul::app
