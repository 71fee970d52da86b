// What the collector makes of the scheduler: refreshes, dormant mailboxes, refused logins.
#include "tests/app/engine_fixture.h"

namespace mailhaul::app {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

class CollectorScheduleTest : public EngineFixture {
 protected:
  config::Freshness& freshness() { return config_.tenants.front().freshness; }
  MailboxId Id(const std::string& mailbox) { return collector_->Find("acme", mailbox)->id; }
  Code Shown(const std::string& mailbox) {
    return collector_->Find("acme", mailbox)->last_error.code();
  }
  uint64_t LoginsWithin(Duration time) {
    const uint64_t before = server_.counters.logins;
    RunFor(time);
    return server_.counters.logins - before;
  }
};

TEST_F(CollectorScheduleTest, TheSchedulerKnowsTheTenantsWeight) {
  AddMailbox("alice");
  config_.tenants.front().weight = 7;
  Start();
  RunFor(seconds(1));
  EXPECT_EQ(collector_->scheduler().Tenant(0).weight, 7U);
}

TEST_F(CollectorScheduleTest, TheSchedulerLearnsWhereNewMailComes) {
  AddMailbox("alice");
  AddMailbox("bob");
  Start();
  RunFor(minutes(1));
  for (int i = 0; i < 10; ++i) {
    AddMessage("alice", "more");
    RunFor(minutes(5));
  }
  EXPECT_EQ(Messages("alice"), 10U);
  EXPECT_GT(collector_->scheduler().MessagesPerHour(Id("alice")), 0);
  EXPECT_EQ(collector_->scheduler().MessagesPerHour(Id("bob")), 0);
}

TEST_F(CollectorScheduleTest, ARefreshGoesAheadOfChecksThatAreLate) {
  for (int i = 0; i < 40; ++i) {
    AddMailbox("m" + std::to_string(i));
  }
  config_.default_limits.connections = 1;
  freshness().normal = seconds(5);
  Start();
  RunFor(minutes(1));
  server_.faults.delay_per_command = seconds(1);
  RunFor(minutes(10));
  for (const char* id : {"m7", "m23", "m39"}) {
    AddMessage(id, "new");
    loop_.Post([this, id] { EXPECT_TRUE(collector_->Refresh("acme", id)); });
    // A round of all of them takes minutes.
    EXPECT_TRUE(RunUntil([this, id] { return Messages(id) == 1; }, seconds(30))) << id;
    RunFor(minutes(1));
  }
}

TEST_F(CollectorScheduleTest, AMailboxThatNobodyUsesIsCheckedRarely) {
  AddMailbox("alice");
  freshness().dormant_after = hours(24);
  Start();
  EXPECT_GE(LoginsWithin(hours(23)), 250U);
  RunFor(hours(2));
  EXPECT_LE(LoginsWithin(hours(10)), 13U);
  // Nor does a restart wake it.
  Stop();
  Start();
  const uint64_t logins = LoginsWithin(hours(10));
  EXPECT_GE(logins, 10U);
  EXPECT_LE(logins, 13U);
}

TEST_F(CollectorScheduleTest, NewMailEndsDormancy) {
  AddMailbox("alice");
  freshness().dormant_after = hours(24);
  Start();
  RunFor(hours(26));
  AddMessage("alice", "hello");
  EXPECT_TRUE(RunUntil([this] { return Messages("alice") == 1; }, minutes(61)));
  EXPECT_GE(LoginsWithin(hours(1)), 11U);
}

TEST_F(CollectorScheduleTest, AReaderEndsDormancyAtOnce) {
  AddMailbox("alice");
  freshness().dormant_after = hours(24);
  Start();
  RunFor(hours(26));
  Stop();
  Start();
  AddMessage("alice", "hello");
  loop_.Post([this] { collector_->MarkActive("acme", "alice"); });
  EXPECT_TRUE(RunUntil([this] { return Messages("alice") == 1; }, seconds(31)));
  EXPECT_GE(LoginsWithin(hours(1)), 11U);
}

TEST_F(CollectorScheduleTest, CredentialsAreWrongOnlyOnceTheyWereRefusedTwice) {
  AddMailbox("alice");
  AddMailbox("bob");
  config_.tenants.front().mailboxes.front().source.password = Secret("wrong");
  Start();
  RunFor(minutes(2));
  EXPECT_EQ(server_.counters.logins_refused, 1U);  // A next attempt waits for the back-off.
  EXPECT_EQ(Shown("alice"), Code::kServerRefused);
  RunFor(minutes(10));
  EXPECT_EQ(server_.counters.logins_refused, 2U);
  EXPECT_EQ(Shown("alice"), Code::kAuthFailed);
  EXPECT_EQ(Shown("bob"), Code::kOk);
  EXPECT_EQ(mail_->GetMailbox(Id("alice"))->error_code, "auth_failed");
  // Never given up.
  server_.AddAccount("alice", "wrong");
  AddMessage("alice", "hello");
  EXPECT_TRUE(RunUntil([this] { return Messages("alice") == 1; }, hours(6)));
  RunFor(seconds(10));
  EXPECT_EQ(Shown("alice"), Code::kOk);
}

TEST_F(CollectorScheduleTest, LoginsOfAHostThatAreAllRefusedAreNoWrongCredentials) {
  for (int i = 0; i < 30; ++i) {
    AddMailbox("m" + std::to_string(i));
  }
  server_.faults.refuse_login = "NO [AUTHENTICATIONFAILED] Too often";
  Start();
  RunFor(minutes(30));
  size_t throttled = 0;
  for (const auto& mailbox : collector_->mailboxes()) {
    throttled += mailbox->last_error.code() == Code::kThrottled ? 1 : 0;
    EXPECT_NE(mailbox->last_error.code(), Code::kAuthFailed) << mailbox->config->id;
  }
  EXPECT_GT(throttled, 0U);
}

// Else those that were refused go behind those that were not, again and again.
TEST_F(CollectorScheduleTest, AThrottledMailboxIsAsLateAsItWas) {
  AddMailbox("alice");
  Start();
  RunFor(minutes(1));
  const WallTime due = collector_->Find("acme", "alice")->next_due.value();
  server_.faults.refuse_login = "NO [LIMIT] Too many connections";
  RunFor(minutes(20));
  EXPECT_EQ(Shown("alice"), Code::kThrottled);
  // Of a time that lies in the past now, to a millisecond.
  EXPECT_LE(collector_->Find("acme", "alice")->next_due, due + std::chrono::milliseconds(1));
}

TEST_F(CollectorScheduleTest, AfterACrashConnectionsComeOneByOne) {
  for (int i = 0; i < 8; ++i) {
    AddMailbox("m" + std::to_string(i));
  }
  server_.faults.delay_per_command = std::chrono::milliseconds(300);
  after_unclean_end_ = true;
  Start();
  RunFor(std::chrono::milliseconds(900));
  EXPECT_EQ(server_.counters.connections, 0U);
  EXPECT_TRUE(RunUntil([this] { return server_.counters.connections == 3; }, minutes(1)));
  EXPECT_LE(server_.counters.connections_open_max, 2U);
  EXPECT_TRUE(RunUntil([this] { return server_.counters.connections == 8; }, minutes(1)));
}

TEST_F(CollectorScheduleTest, AfterAnEndInOrderLoginsOfTheLastSecondStillCount) {
  for (int i = 0; i < 6; ++i) {
    AddMailbox("m" + std::to_string(i));
  }
  config_.default_limits.logins_per_second = 6;
  Start(/*continuous=*/false);
  EXPECT_TRUE(RunUntil([this] { return over(); }, std::chrono::milliseconds(100)));
  EXPECT_EQ(server_.counters.logins, 6U);
  Start(/*continuous=*/false);
  RunFor(std::chrono::milliseconds(999));
  EXPECT_EQ(server_.counters.logins, 6U);
  RunFor(std::chrono::milliseconds(100));
  EXPECT_EQ(server_.counters.logins, 12U);
  RunFor(seconds(2));
  Start(/*continuous=*/false);
  RunFor(std::chrono::milliseconds(100));
  EXPECT_EQ(server_.counters.logins, 18U);
}

TEST_F(CollectorScheduleTest, ABatchRunNamesAWrongPasswordAtOnce) {
  AddMailbox("alice");
  config_.tenants.front().mailboxes.front().source.password = Secret("wrong");
  Start(/*continuous=*/false);
  EXPECT_TRUE(RunUntil([this] { return over(); }, minutes(1)));
  ASSERT_EQ(collector_->summary().failures.size(), 1U);
  EXPECT_EQ(collector_->summary().failures.front().status.code(), Code::kAuthFailed);
  EXPECT_EQ(server_.counters.logins_refused, 1U);
}

// Its LOGOUT then goes with the login.
TEST_F(CollectorScheduleTest, AMailboxLongWithoutNewsStillGetsItsNewMail) {
  AddMailbox("alice");
  Start();
  RunFor(hours(3));
  for (int i = 0; i < 3; ++i) {
    const uint64_t logins = server_.counters.logins;
    AddMessage("alice", "new");
    EXPECT_TRUE(RunUntil([this, i] { return Messages("alice") == static_cast<uint64_t>(i) + 1; },
                         freshness().normal + seconds(1)));
    EXPECT_LE(server_.counters.logins, logins + 2);
    RunFor(hours(3));
  }
  EXPECT_EQ(Shown("alice"), Code::kOk);
}

}  // namespace
}  // namespace mailhaul::app
