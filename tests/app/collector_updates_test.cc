// The configuration changes while the collector runs: who is new, changed or gone, and that the
// others do not notice.
#include "engine/config/fingerprint.h"
#include "tests/app/engine_fixture.h"

namespace mailhaul::app {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

class CollectorUpdatesTest : public EngineFixture {
 protected:
  explicit CollectorUpdatesTest(Duration latency = Duration(0)) : EngineFixture(latency) {
    server_.options.capabilities.emplace_back("IDLE");
  }

  // As the loader leaves it.
  void StartSealed() {
    config::SetFingerprints(config_.tenants.front());
    next_ = config_.tenants.front();
    Start();
  }

  // `next_` is in force from now on.
  void Apply() {
    config::SetFingerprints(next_);
    const auto tenant = std::make_shared<const config::TenantConfig>(next_);
    loop_.Post([this, tenant] {
      Result<OnboardedTenant> onboarded = collector_->OnboardInStore(
          tenant,
          [this](MailboxId mailbox) { return !collector_->MailboxesOf("acme").contains(mailbox); });
      ASSERT_TRUE(onboarded.ok()) << onboarded.status().ToString();
      collector_->Apply(std::move(onboarded).value());
    });
  }

  config::MailboxConfig& Next(const std::string& id) {
    for (config::MailboxConfig& mailbox : next_.mailboxes) {
      if (mailbox.id == id) {
        return mailbox;
      }
    }
    ADD_FAILURE() << id;
    return next_.mailboxes.front();
  }

  void Drop(const std::string& id) {
    std::erase_if(next_.mailboxes,
                  [&id](const config::MailboxConfig& one) { return one.id == id; });
  }

  // As AddMailbox(), but of a running collector.
  void AddNext(const std::string& id) {
    config::MailboxConfig mailbox = next_.mailboxes.front();
    mailbox.id = id;
    mailbox.address = id + "@acme.example";
    mailbox.source.username = id;
    next_.mailboxes.push_back(std::move(mailbox));
    server_.AddAccount(id, "secret");
    server_.Folder(id).uid_validity = 7;
  }

  MailboxState::Phase PhaseOf(const std::string& id) {
    const MailboxState* const state = collector_->Find("acme", id);
    return state == nullptr ? MailboxState::Phase::kPending : state->phase;
  }

  bool RunUntilHas(const std::string& id, uint64_t messages, Duration limit) {
    return RunUntil(
        [this, id, messages] {
          return mail_->FindMailbox(mail_->FindTenant("acme").value(), id) &&
                 Messages(id) == messages;
        },
        limit);
  }

  // Until the session of the active mailbox idles.
  void Idle(const std::string& id) {
    loop_.Post([this, id] { collector_->MarkActive("acme", id); });
    ASSERT_TRUE(RunUntil([this] { return server_.counters.commands["IDLE"] > 0; }, minutes(2)));
  }

  config::TenantConfig next_;
};

TEST_F(CollectorUpdatesTest, ANewMailboxIsCollected) {
  AddMailbox("alice");
  StartSealed();
  RunFor(seconds(1));
  AddNext("bob");
  AddMessage("bob", "one");
  Apply();
  EXPECT_TRUE(RunUntilHas("bob", 1, seconds(5)));
}

TEST_F(CollectorUpdatesTest, AMailboxThatIsGoneIsNotCheckedAnyMore) {
  AddMailbox("alice");
  AddMailbox("bob");
  AddMessage("bob", "one");
  StartSealed();
  ASSERT_TRUE(RunUntilHas("bob", 1, minutes(1)));
  Drop("bob");
  Apply();
  RunFor(seconds(1));
  EXPECT_EQ(collector_->Find("acme", "bob"), nullptr);
  AddMessage("bob", "two");
  RunFor(minutes(30));
  EXPECT_EQ(Messages("bob"), 1U) << "what is stored stays";
}

TEST_F(CollectorUpdatesTest, AMailboxThatComesBackGoesOnWhereItWas) {
  AddMailbox("alice");
  AddMailbox("bob");
  AddMessage("bob", "one");
  StartSealed();
  ASSERT_TRUE(RunUntilHas("bob", 1, minutes(1)));
  const uint64_t bodies = server_.counters.bodies();
  const config::TenantConfig both = next_;
  Drop("bob");
  Apply();
  RunFor(minutes(1));
  AddMessage("bob", "two");
  next_ = both;
  Apply();
  EXPECT_TRUE(RunUntilHas("bob", 2, minutes(10)));
  EXPECT_EQ(server_.counters.bodies(), bodies + 1);
}

TEST_F(CollectorUpdatesTest, AHeldSessionOutlivesChangesOfOthersAndOfItsTenant) {
  AddMailbox("alice");
  AddMailbox("bob");
  AddMessage("alice", "one");
  StartSealed();
  ASSERT_TRUE(RunUntilHas("alice", 1, minutes(1)));
  Idle("alice");
  const uint64_t before = server_.counters.logins;
  AddNext("carol");
  Drop("bob");
  next_.weight = 7;
  next_.collect.backfill = false;
  Apply();
  RunFor(seconds(20));
  EXPECT_EQ(server_.counters.logins, before + 1) << "carol's alone";
  EXPECT_EQ(server_.counters.connections_open, 1U);
  AddMessage("alice", "two");
  EXPECT_TRUE(RunUntilHas("alice", 2, seconds(3)));
  EXPECT_EQ(server_.counters.logins, before + 1);
}

TEST_F(CollectorUpdatesTest, AHeldSessionEndsWhenItsMailboxIsGone) {
  AddMailbox("alice");
  AddMailbox("bob");
  AddMessage("alice", "one");
  StartSealed();
  ASSERT_TRUE(RunUntilHas("alice", 1, minutes(1)));
  Idle("alice");
  Drop("alice");
  Apply();
  EXPECT_TRUE(RunUntil([this] { return server_.counters.connections_open == 0; }, seconds(2)));
  RunFor(seconds(1));
  EXPECT_EQ(collector_->Find("acme", "alice"), nullptr);
}

TEST_F(CollectorUpdatesTest, ANewPasswordIsTriedAtOnceWhateverTheOldOneDid) {
  AddMailbox("alice");
  AddMessage("alice", "one");
  config_.tenants.front().mailboxes.front().source.password = Secret("wrong");
  StartSealed();
  ASSERT_TRUE(
      RunUntil([this] { return PhaseOf("alice") == MailboxState::Phase::kFailing; }, minutes(1)));
  RunFor(minutes(20));  // The credentials count as wrong by now: tried rarely.
  Next("alice").source.password = Secret("secret");
  Apply();
  EXPECT_TRUE(RunUntilHas("alice", 1, seconds(3)));
  EXPECT_TRUE(collector_->Find("acme", "alice")->last_error.ok());
}

TEST_F(CollectorUpdatesTest, AShorterFreshnessHoldsAtOnce) {
  AddMailbox("alice");
  config_.tenants.front().freshness.normal = std::chrono::hours(1);
  StartSealed();
  RunFor(minutes(1));
  AddMessage("alice", "one");
  next_.freshness.normal = minutes(1);
  Apply();
  EXPECT_TRUE(RunUntilHas("alice", 1, minutes(1)));
}

TEST_F(CollectorUpdatesTest, WhatIsTheSameStaysQuiet) {
  AddMailbox("alice");
  StartSealed();
  RunFor(seconds(10));
  const uint64_t connections = server_.counters.connections;
  Apply();
  RunFor(seconds(30));
  EXPECT_EQ(server_.counters.connections, connections);
}

TEST_F(CollectorUpdatesTest, ATenantThatIsGoneIsForgotten) {
  AddMailbox("alice");
  AddMailbox("bob");
  StartSealed();
  RunFor(seconds(10));
  loop_.Post([this] { collector_->RemoveTenant("acme"); });
  RunFor(seconds(1));
  EXPECT_TRUE(collector_->mailboxes().empty());
  const uint64_t connections = server_.counters.connections;
  RunFor(minutes(30));
  EXPECT_EQ(server_.counters.connections, connections);
}

// Every step of a session takes time.
class SlowUpdatesTest : public CollectorUpdatesTest {
 protected:
  SlowUpdatesTest() : CollectorUpdatesTest(seconds(1)) {}
};

// At whatever moment of its sessions a mailbox changes or goes, nothing is lost or left behind.
TEST_F(SlowUpdatesTest, ChangesComeAtAnyMoment) {
  AddMailbox("alice");
  AddMailbox("bob");
  for (int i = 0; i < 5; ++i) {
    AddMessage("alice", "mail " + std::to_string(i));
    AddMessage("bob", "mail " + std::to_string(i));
  }
  StartSealed();
  const config::TenantConfig both = next_;
  for (int moment = 0; moment < 40; ++moment) {
    if (moment % 2 == 0) {
      Drop("alice");
    } else {
      next_ = both;
      Next("alice").source.allow_cram_md5 = moment % 4 == 1;
    }
    Apply();
    RunFor(std::chrono::milliseconds(700));
  }
  EXPECT_TRUE(RunUntilHas("bob", 5, minutes(5)));
  EXPECT_TRUE(RunUntilHas("alice", 5, minutes(5)));
  EXPECT_TRUE(RunUntil([this] { return collector_->scheduler().granted() == 0; }, minutes(1)));
  EXPECT_EQ(server_.counters.connections_open, 0U);
  EXPECT_EQ(collector_->mailboxes().size(), 2U);
}

TEST_F(SlowUpdatesTest, AChangeDuringASessionEndsItAndBeginsAnew) {
  AddMailbox("alice");
  AddMessage("alice", "one");
  StartSealed();
  ASSERT_TRUE(RunUntil([this] { return server_.counters.logins == 1; }, minutes(1)));
  Next("alice").source.password = Secret("other");
  server_.AddAccount("alice", "other");
  AddMessage("alice", "two");
  Apply();
  EXPECT_TRUE(RunUntil([this] { return server_.counters.logins == 2; }, minutes(1)));
  RunFor(minutes(1));
  EXPECT_EQ(PhaseOf("alice"), MailboxState::Phase::kOk);
}

TEST_F(SlowUpdatesTest, StoppingDuringAChangeEndsAll) {
  AddMailbox("alice");
  AddMessage("alice", "one");
  StartSealed();
  ASSERT_TRUE(RunUntil([this] { return server_.counters.logins == 1; }, minutes(1)));
  AddNext("bob");
  Drop("alice");
  Apply();
  RunFor(std::chrono::milliseconds(1));
  Stop();
  RunFor(seconds(5));  // Until the server has seen it.
  EXPECT_EQ(server_.counters.connections_open, 0U);
}

}  // namespace
}  // namespace mailhaul::app
