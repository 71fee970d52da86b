// Quotas and retention of tenants, and removal while the engine runs.
#include <optional>
#include <thread>

#include "engine/app/directory.h"
#include "engine/app/metrics.h"
#include "engine/app/removal.h"
#include "engine/app/upkeep.h"
#include "engine/config/fingerprint.h"
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
    tenants_ = std::make_unique<ConfiguredTenants>(config_);
    upkeep_ = std::make_unique<Upkeep>(*tenants_, config_.data_dir, context(), loop_);
    upkeep_->Start();
  }
  uint64_t Bytes() { return mail_->BytesOf(mail_->FindTenant("acme").value()).value(); }
  std::vector<store::StoredMessage> List() {
    store::MessageQuery query;
    query.tenant = mail_->FindTenant("acme").value();
    return mail_->ListMessages(query)->items;
  }
  uint64_t Connections() const { return ConnectionsFrom(""); }

  RemovalContext Removal() {
    return {
        .tenants = *tenants_, .store = *mail_, .delete_text = DeleteTextBelow(config_.data_dir)};
  }

  std::unique_ptr<ConfiguredTenants> tenants_;
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
  EXPECT_EQ(directory.Live("acme", "alice").waiting->cause, "over_quota");
  EXPECT_EQ(directory.Live("other", "carol").state, "ok");
  const auto record = [this] {
    return *mail_->GetMailbox(*mail_->FindMailbox(*mail_->FindTenant("acme"), "alice"));
  };
  EXPECT_EQ(record().error_code, "over_quota");
  const std::string metrics = MetricsText(*collector_, clock_.Now());
  EXPECT_NE(metrics.find("mailhaul_tenant_over_quota{tenant=\"acme\"} 1"), std::string::npos);
  EXPECT_NE(metrics.find("mailhaul_mailboxes{tenant=\"acme\",state=\"over_quota\"} "),
            std::string::npos)
      << metrics;
  EXPECT_NE(metrics.find("mailhaul_mailboxes{tenant=\"other\",state=\"ok\"} 1\n"),
            std::string::npos);
  const uint64_t collected = context().progress.messages_done;
  EXPECT_GE(collected, 15U);
  EXPECT_NE(metrics.find("mailhaul_messages_collected_total " + std::to_string(collected) + "\n"),
            std::string::npos);

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
  EXPECT_TRUE(CheckNotConfigured(*tenants_, alice).ok());
  EXPECT_TRUE(BeginRemoval(Removal(), alice).ok());
  EXPECT_EQ(BeginRemoval(Removal(), alice).status().code(), Code::kNotFound);
  upkeep_->Kick();
  EXPECT_TRUE(RunUntil([this] { return Messages("bob") == 5; }, minutes(10)));
  EXPECT_EQ(mail_->removals_pending(), 0U);
  EXPECT_EQ(Bytes(), 5 * kBody);
}

TEST_F(CollectorQuotaTest, WhatIsConfiguredIsNotRemoved) {
  AddMailbox("alice");
  const ConfiguredTenants tenants(config_);
  for (const char* target : {"acme/alice", "acme"}) {
    EXPECT_EQ(CheckNotConfigured(tenants, ParseRemovalTarget(target).value()).code(),
              Code::kInvalidArgument);
  }
  for (const char* target : {"acme/bob", "else", "else/alice"}) {
    EXPECT_TRUE(CheckNotConfigured(tenants, ParseRemovalTarget(target).value()).ok());
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
  tenants_ = std::make_unique<ConfiguredTenants>(config_);
  int removed = 0;
  RemovalContext context = Removal();
  context.removed = [&removed] { ++removed; };
  const auto ask = [&](std::string_view question) {
    return AnswerRemoval(context, committer, question);
  };
  EXPECT_EQ(ask("pools"), std::nullopt);
  EXPECT_EQ(ask("remove acme/bob"), "removed acme/bob: 0 messages, 0 B");
  EXPECT_TRUE(ask("remove acme/bob")->starts_with(kNotStoredAnswer));
  EXPECT_TRUE(ask("remove acme/alice")->starts_with(kNotRemovedAnswer));
  EXPECT_TRUE(ask("remove acme")->starts_with(kNotRemovedAnswer));
  EXPECT_TRUE(ask("remove ")->starts_with(kNotRemovedAnswer));
  EXPECT_EQ(removed, 1);
}

class ChangedQuotaTest : public CollectorQuotaTest {
 protected:
  // A tenant that is over its quota, with both mailboxes waiting.
  void StartOverQuota() {
    config_.tenants.front().quota_bytes = kQuota;
    AddMailbox("alice");
    AddMailbox("bob");
    AddLarge("alice", 30);
    AddLarge("bob", 1);
    config::SetFingerprints(config_.tenants.front());
    next_ = config_.tenants.front();
    StartWithUpkeep();
    RunFor(hours(1));
    ASSERT_EQ(collector_->Find("acme", "alice")->no_room, kOverQuota);
  }
  void Apply() {
    config::SetFingerprints(next_);
    const auto tenant = std::make_shared<const config::TenantConfig>(next_);
    tenants_->Set(tenant);
    loop_.Post([this, tenant] {
      collector_->Apply(
          collector_->OnboardInStore(tenant, [](MailboxId) { return false; }).value());
    });
    RunFor(std::chrono::seconds(1));
  }
  config::TenantConfig next_;
};

TEST_F(ChangedQuotaTest, ALargerOneIsRoomAtOnce) {
  StartOverQuota();
  next_.quota_bytes = 10 * kQuota;
  Apply();
  EXPECT_EQ(collector_->Find("acme", "alice")->no_room, "");
  EXPECT_EQ(collector_->QuotaUses().at(0).bytes_max, 10 * kQuota);
  EXPECT_TRUE(RunUntil([this] { return Messages("alice") == 30; }, minutes(5)));
}

TEST_F(ChangedQuotaTest, NoneIsRoomAtOnce) {
  StartOverQuota();
  next_.quota_bytes = 0;
  Apply();
  EXPECT_TRUE(collector_->QuotaUses().empty());
  EXPECT_TRUE(RunUntil([this] { return Messages("alice") == 30; }, minutes(5)));
}

TEST_F(ChangedQuotaTest, ANewOneCountsWhatIsThere) {
  AddMailbox("alice");
  AddLarge("alice", 30);
  Start();
  RunFor(hours(1));
  ASSERT_EQ(Messages("alice"), 30U);
  tenants_ = std::make_unique<ConfiguredTenants>(config_);
  next_ = config_.tenants.front();
  next_.quota_bytes = kQuota;
  Apply();
  AddLarge("alice", 1);
  RunFor(hours(1));
  EXPECT_EQ(Messages("alice"), 30U);
  EXPECT_EQ(collector_->Find("acme", "alice")->no_room, kOverQuota);
  EXPECT_EQ(collector_->QuotaUses().at(0).bytes, 30 * kBody);
}

TEST_F(ChangedQuotaTest, MailboxesThatWaitMayGoOrBeginAnew) {
  StartOverQuota();
  next_.mailboxes.front().source.allow_cram_md5 = true;  // alice begins anew.
  next_.mailboxes.pop_back();                            // bob goes.
  Apply();
  EXPECT_EQ(collector_->Find("acme", "bob"), nullptr);
  RunFor(minutes(10));
  EXPECT_EQ(collector_->Find("acme", "alice")->no_room, kOverQuota);
  next_.mailboxes.clear();
  Apply();
  RunFor(minutes(10));
  EXPECT_TRUE(collector_->mailboxes().empty());
}

TEST_F(ChangedQuotaTest, AShorterRetentionHoldsAtOnce) {
  StartOverQuota();
  next_.quota_bytes = 0;
  next_.retention = hours(1);
  Apply();
  upkeep_->RetentionChanged();
  RunFor(std::chrono::seconds(1));
  EXPECT_EQ(Messages("alice"), 0U);
}

TEST_F(ChangedQuotaTest, WhatIsStillCollectedIsNotRemoved) {
  StartOverQuota();
  tenants_->Remove("acme");
  RemovalContext context = Removal();
  context.is_in_use = [this](const RemovalTarget& target) {
    return collector_->IsCollected(target.tenant, target.mailbox);
  };
  for (const char* target : {"acme", "acme/alice"}) {
    EXPECT_EQ(BeginRemoval(context, ParseRemovalTarget(target).value()).status().code(),
              Code::kBusy);
  }
  EXPECT_FALSE(collector_->IsCollected("acme", "alic"));
  EXPECT_FALSE(collector_->IsCollected("acm", std::nullopt));
  loop_.Post([this] { collector_->RemoveTenant("acme"); });
  RunFor(std::chrono::seconds(1));
  EXPECT_TRUE(BeginRemoval(context, ParseRemovalTarget("acme").value()).ok());
}

}  // namespace
}  // namespace mailhaul::app
