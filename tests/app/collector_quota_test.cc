// Quotas and retention of tenants, and removal while the engine runs.
#include <optional>
#include <thread>

#include "engine/app/directory.h"
#include "engine/app/metrics.h"
#include "engine/app/removal.h"
#include "engine/app/upkeep.h"
#include "tests/app/engine_fixture.h"

namespace mailhaul::app {
namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::minutes;

constexpr size_t kBody = 10'000;
constexpr uint64_t kQuota = 100'000;

class CollectorQuotaTest : public EngineFixture {
 protected:
  CollectorQuotaTest() { config_.data_dir = testing::TempDir(); }
  ~CollectorQuotaTest() override { upkeep_.reset(); }

  void AddLarge(const std::string& id, int count, days age = days(1)) {
    for (int i = 0; i < count; ++i) {
      const std::string head = "Subject: " + std::to_string(i) + "\r\n\r\n";
      server_.Folder(id).Add(head + std::string(kBody - head.size() - 2, 'x') + "\r\n",
                             clock_.WallNow() - age);
    }
  }
  // "other/carol", on the same server.
  void AddOtherTenant() {
    AddMailbox("carol");
    config::TenantConfig other = config_.tenants.front();
    other.name = "other";
    other.quota_bytes = 0;
    other.mailboxes = {config_.tenants.front().mailboxes.back()};
    config_.tenants.front().mailboxes.pop_back();
    config_.tenants.push_back(std::move(other));
  }
  void StartWithUpkeep() {
    Start();
    upkeep_ = std::make_unique<Upkeep>(config_, context(), loop_);
    upkeep_->Start();
  }
  uint64_t Bytes() { return mail_->BytesOf(mail_->FindTenant("acme").value()).value(); }
  std::vector<store::StoredMessage> List() {
    store::MessageQuery query;
    query.tenant = mail_->FindTenant("acme").value();
    return mail_->ListMessages(query)->items;
  }
  uint64_t Connections() const { return ConnectionsFrom(""); }

  std::unique_ptr<Upkeep> upkeep_;
};

TEST_F(CollectorQuotaTest, StopsCollectingTheTenantAndGoesOnWhenThereIsRoom) {
  config_.tenants.front().quota_bytes = kQuota;
  AddMailbox("alice");
  AddMailbox("bob");
  AddLarge("alice", 30);
  AddLarge("bob", 1);
  AddOtherTenant();
  AddLarge("carol", 15);
  Start();
  RunFor(hours(1));
  EXPECT_GE(Bytes(), kQuota);
  EXPECT_LE(Bytes(), kQuota + 2 * kBody);  // Both mailboxes had some on their way.
  EXPECT_LT(Messages("alice"), 30U);
  EXPECT_EQ(mail_->GetMailbox(*mail_->FindMailbox(*mail_->FindTenant("other"), "carol"))->messages,
            15U);

  CollectorDirectory directory(config_, *collector_, clock_);
  EXPECT_EQ(directory.Live("acme", "alice").state, "over_quota");
  EXPECT_EQ(directory.Live("other", "carol").state, "ok");
  const auto record = [this] {
    return *mail_->GetMailbox(*mail_->FindMailbox(*mail_->FindTenant("acme"), "alice"));
  };
  EXPECT_EQ(record().error_code, "over_quota");
  const std::string metrics = MetricsText(*collector_, clock_.Now());
  EXPECT_NE(metrics.find("mailhaul_tenant_over_quota{tenant=\"acme\"} 1"), std::string::npos);

  // It does not even connect.
  RunFor(minutes(30));
  const uint64_t before = server_.counters.logins;
  RunFor(minutes(4));
  EXPECT_LE(server_.counters.logins, before + 1);  // carol's.

  for (const store::StoredMessage& message : List()) {
    ASSERT_TRUE(mail_->DeleteMessage(message.id, nullptr).ok());
  }
  EXPECT_TRUE(RunUntil([this] { return Bytes() >= kQuota; }, minutes(1)));
  for (int i = 0; i < 5; ++i) {
    for (const store::StoredMessage& message : List()) {
      ASSERT_TRUE(mail_->DeleteMessage(message.id, nullptr).ok());
    }
    RunFor(minutes(10));
  }
  EXPECT_EQ(server_.counters.bodies(), 46U) << "a message was fetched twice, or never";
  EXPECT_EQ(directory.Live("acme", "alice").state, "ok");
  EXPECT_EQ(record().error_code, "");
}

TEST_F(CollectorQuotaTest, ALargerQuotaAfterARestartIsRoom) {
  config_.tenants.front().quota_bytes = kQuota;
  AddMailbox("alice");
  AddLarge("alice", 30);
  Start();
  RunFor(hours(1));
  EXPECT_LT(Messages("alice"), 30U);
  Stop();
  config_.tenants.front().quota_bytes = 10 * kQuota;
  Start();
  EXPECT_TRUE(RunUntil([this] { return Messages("alice") == 30; }, minutes(5)));
}

TEST_F(CollectorQuotaTest, ABatchRunEndsAndTellsOfIt) {
  config_.tenants.front().quota_bytes = kQuota;
  AddMailbox("alice");
  AddLarge("alice", 30);
  Start(/*continuous=*/false);
  ASSERT_TRUE(RunUntil([this] { return over(); }, hours(1)));
  const Summary& summary = collector_->summary();
  ASSERT_EQ(summary.failures.size(), 1U);
  EXPECT_TRUE(summary.failures[0].deferred);
  EXPECT_EQ(summary.failures[0].status.code(), Code::kResourceExhausted);
}

TEST_F(CollectorQuotaTest, OldMessagesGoAndDoNotComeBack) {
  config_.tenants.front().quota_bytes = 100 * kQuota;
  AddMailbox("alice");
  AddLarge("alice", 5, days(100));
  AddLarge("alice", 3, days(9));
  AddLarge("alice", 2);
  Start();
  EXPECT_TRUE(RunUntil([this] { return Messages("alice") == 10; }, minutes(5)));
  Stop();
  config_.tenants.front().retention = days(30);
  StartWithUpkeep();
  EXPECT_TRUE(RunUntil([this] { return Messages("alice") == 5; }, minutes(1)));
  EXPECT_EQ(Bytes(), 5 * kBody);
  RunFor(days(22));
  EXPECT_EQ(Messages("alice"), 2U);
  EXPECT_EQ(server_.counters.bodies(), 10U);
}

TEST_F(CollectorQuotaTest, MessagesThatAreTooOldAreNotFetched) {
  config_.tenants.front().retention = days(30);
  AddMailbox("alice");
  AddLarge("alice", 5, days(100));
  AddLarge("alice", 2);
  StartWithUpkeep();
  RunFor(hours(2));
  EXPECT_EQ(Messages("alice"), 2U);
  EXPECT_EQ(server_.counters.bodies(), 2U);
  EXPECT_EQ(collector_->Find("acme", "alice")->backfill_coverage, 1.0);
}

TEST_F(CollectorQuotaTest, OfPop3OldMessagesAreFetchedOnceToLearnTheirDate) {
  config_.tenants.front().retention = days(30);
  AddPop3Mailbox("alice");
  server_.Folder("alice").Add("Date: Mon, 1 Jan 2001 00:00:00 +0000\r\nSubject: old\r\n\r\nx\r\n",
                              clock_.WallNow());
  AddMessage("alice", "new");
  StartWithUpkeep();
  RunFor(hours(2));
  EXPECT_EQ(Messages("alice"), 1U);
}

TEST_F(CollectorQuotaTest, ARemovedMailboxGoesInTheBackgroundAndMakesRoom) {
  config_.tenants.front().quota_bytes = kQuota;
  AddMailbox("alice");
  AddMailbox("bob");
  AddLarge("alice", 12);
  Start();
  RunFor(hours(1));
  Stop();
  // Nobody configures alice any more.
  config_.tenants.front().mailboxes.erase(config_.tenants.front().mailboxes.begin());
  AddLarge("bob", 5);
  StartWithUpkeep();
  RunFor(hours(1));
  EXPECT_EQ(Messages("bob"), 0U);
  const RemovalTarget alice = ParseRemovalTarget("acme/alice").value();
  EXPECT_TRUE(CheckNotConfigured(config_, alice).ok());
  EXPECT_TRUE(BeginRemoval(config_, *mail_, alice).ok());
  EXPECT_EQ(BeginRemoval(config_, *mail_, alice).status().code(), Code::kNotFound);
  upkeep_->Kick();
  EXPECT_TRUE(RunUntil([this] { return Messages("bob") == 5; }, minutes(10)));
  EXPECT_EQ(mail_->removals_pending(), 0U);
  EXPECT_EQ(Bytes(), 5 * kBody);
}

TEST_F(CollectorQuotaTest, WhatIsConfiguredIsNotRemoved) {
  AddMailbox("alice");
  for (const char* target : {"acme/alice", "acme"}) {
    EXPECT_EQ(CheckNotConfigured(config_, ParseRemovalTarget(target).value()).code(),
              Code::kInvalidArgument);
  }
  for (const char* target : {"acme/bob", "else", "else/alice"}) {
    EXPECT_TRUE(CheckNotConfigured(config_, ParseRemovalTarget(target).value()).ok());
  }
  for (const char* target : {"", "/", "acme/", "/alice"}) {
    EXPECT_EQ(ParseRemovalTarget(target).status().code(), Code::kInvalidArgument);
  }
}

TEST_F(CollectorQuotaTest, TheRunningServerAnswersForRemovals) {
  AddMailbox("alice");
  AddMailbox("bob");
  Start();
  RunFor(minutes(1));
  Stop();
  config_.tenants.front().mailboxes.pop_back();
  pipeline::ThreadCommitter committer(*mail_);
  int removed = 0;
  const auto ask = [&](std::string_view question) {
    return AnswerRemoval(config_, *mail_, committer, question, [&removed] { ++removed; });
  };
  EXPECT_EQ(ask("pools"), std::nullopt);
  EXPECT_EQ(ask("remove acme/bob"), "removed acme/bob: 0 messages, 0 B");
  EXPECT_TRUE(ask("remove acme/bob")->starts_with(kNotStoredAnswer));
  EXPECT_TRUE(ask("remove acme/alice")->starts_with(kNotRemovedAnswer));
  EXPECT_TRUE(ask("remove acme")->starts_with(kNotRemovedAnswer));
  EXPECT_TRUE(ask("remove ")->starts_with(kNotRemovedAnswer));
  EXPECT_EQ(removed, 1);
}

}  // namespace
}  // namespace mailhaul::app
