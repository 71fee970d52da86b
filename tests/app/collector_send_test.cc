// Sending beside collecting: over the same pools, and the source's copy becomes the message sent.
#include <algorithm>

#include "engine/app/send_lines.h"
#include "engine/config/fingerprint.h"
#include "store/outbox.h"
#include "tests/app/engine_fixture.h"

namespace mailhaul::app {
namespace {

using Filing = store::Submission::Filing;

class CollectorSendTest : public EngineFixture {
 protected:
  explicit CollectorSendTest(Duration latency = std::chrono::milliseconds(10))
      : EngineFixture(latency) {
    AddMailbox("alice");
    AddSubmission("alice");
    server_.Folder("alice", "Sent").attributes = {"\\Sent"};
    on_prepared_ = [this] {
      lines_ = std::make_unique<SendLines>(config_, *collector_, context(), loop_, random_);
      loop_.Post([this] { lines_->sender().Start(); });
    };
  }
  ~CollectorSendTest() override {
    bool stopped = false;
    loop_.Post([this, &stopped] { lines_->sender().Stop([&stopped] { stopped = true; }); });
    EXPECT_TRUE(loop_.RunUntil([&] { return stopped; }));
    Stop();
  }

  MailboxId Alice() const {
    return mail_->FindMailbox(mail_->FindTenant("acme").value(), "alice").value();
  }
  SubmissionId Accept(const std::string& subject) {
    store::NewSubmission request;
    request.mailbox = Alice();
    request.from = "alice@acme.example";
    request.recipients = {"bob@else.example"};
    request.message_id = "<" + subject + "@acme.example>";
    request.body = "From: alice@acme.example\r\nSubject: " + subject +
                   "\r\nMessage-ID: " + request.message_id + "\r\n\r\ntext\r\n";
    request.sha256 = store::ComputeSha256(request.body);
    request.deadline = clock_.WallNow() + std::chrono::hours(1);
    const Result<store::AcceptedSubmission> accepted = store::Outbox(*mail_).Accept(request);
    EXPECT_TRUE(accepted.ok()) << accepted.status().ToString();
    lines_->sender().Changed(accepted->submission);
    return accepted->submission.id;
  }
  store::Submission Get(SubmissionId id) const { return store::Outbox(*mail_).Get(id).value(); }
  store::StoredMessage OnlyMessage() const {
    store::MessageQuery query;
    query.tenant = mail_->FindTenant("acme").value();
    const store::MessagePage page = mail_->ListMessages(query).value();
    EXPECT_EQ(page.items.size(), 1U);
    return page.items.empty() ? store::StoredMessage() : page.items.front();
  }
  scheduler::PoolStats PoolOf(const std::string& host) const {
    const scheduler::Scheduler& scheduler = collector_->scheduler();
    for (size_t i = 0; i < scheduler.pool_count(); ++i) {
      const scheduler::PoolStats stats = scheduler.Pool(i, clock_.Now());
      if (collector_->NamesOf(stats.host, stats.egress).host == host) {
        return stats;
      }
    }
    return {};
  }

  std::unique_ptr<SendLines> lines_;
};

TEST_F(CollectorSendTest, TheSourcesCopyBecomesTheMessageThatWasSent) {
  Start();
  ASSERT_TRUE(RunUntil([&] { return server_.counters.logins > 0; }, std::chrono::minutes(1)));
  const SubmissionId id = Accept("hello");
  ASSERT_TRUE(RunUntil([&] { return Get(id).filing == Filing::kDone; }, std::chrono::minutes(1)));
  EXPECT_EQ(smtp_.mails.size(), 1U);
  EXPECT_EQ(server_.Folder("alice", "Sent").messages().size(), 1U);
  const MessageId sent = Get(id).placement;
  ASSERT_TRUE(RunUntil([&] { return !OnlyMessage().gone; }, std::chrono::minutes(10)));
  EXPECT_EQ(OnlyMessage().id, sent);
  EXPECT_EQ(OnlyMessage().uid, 1U);
  EXPECT_FALSE(OnlyMessage().local);
}

TEST_F(CollectorSendTest, ConnectionsCountInThePools) {
  Start();
  ASSERT_TRUE(RunUntil([&] { return server_.counters.logins > 0; }, std::chrono::minutes(1)));
  std::vector<SubmissionId> ids;
  for (int i = 0; i < 5; ++i) {
    ids.push_back(Accept("m" + std::to_string(i)));
  }
  ASSERT_TRUE(RunUntil(
      [&] {
        return std::all_of(ids.begin(), ids.end(),
                           [&](SubmissionId id) { return Get(id).filing == Filing::kDone; });
      },
      std::chrono::minutes(5)));
  EXPECT_EQ(smtp_.mails.size(), 5U);
  EXPECT_EQ(server_.Folder("alice", "Sent").messages().size(), 5U);
  EXPECT_EQ(server_.counters.connections_open_max, 1U) << "of one mailbox at a time";
  EXPECT_EQ(PoolOf("smtp.example.com").logins, smtp_.counters.connections);
  ASSERT_TRUE(RunUntil([&] { return PoolOf("smtp.example.com").connections == 0; },
                       std::chrono::minutes(1)));
  EXPECT_EQ(PoolOf("imap.example.com").logins, server_.counters.logins);
}

TEST_F(CollectorSendTest, AHeldSessionMakesRoomForTheCopy) {
  server_.options.capabilities.emplace_back("IDLE");
  Start();
  RunFor(std::chrono::minutes(1));
  loop_.Post([this] { collector_->MarkActive("acme", "alice"); });
  ASSERT_TRUE(RunUntil([&] { return !server_.idlers.empty(); }, std::chrono::minutes(10)));
  const SubmissionId id = Accept("hello");
  ASSERT_TRUE(RunUntil([&] { return Get(id).filing == Filing::kDone; }, std::chrono::minutes(1)));
  EXPECT_EQ(server_.counters.connections_open_max, 1U);
}

// Whatever the pool and the host's limit would allow.
TEST_F(CollectorSendTest, AMailboxHasOneConnectionToItsSourceWhateverIsAskedOfIt) {
  server_.options.capabilities.emplace_back("IDLE");
  config_.default_limits.connections = 10;
  config_.default_limits.connections_per_mailbox = 10;
  config_.default_limits.logins_per_second = 100;
  config_.tenants.front().collect.max_message = 10'000;
  for (int i = 0; i < 20; ++i) {
    AddMessage("alice", "large\r\n\r\n" + std::string(20'000, 'x'));
    AddMessage("alice", "old");
  }
  Start();
  ASSERT_TRUE(RunUntil([&] { return Messages("alice") == 40; }, std::chrono::minutes(5)));
  store::MessageQuery query;
  query.tenant = mail_->FindTenant("acme").value();
  std::vector<MessageId> large;
  const store::MessagePage page = mail_->ListMessages(query).value();
  for (const store::StoredMessage& message : page.items) {
    if (!message.has_body()) {
      large.push_back(message.id);
    }
  }
  ASSERT_EQ(large.size(), 20U);
  std::vector<SubmissionId> ids;
  for (size_t i = 0; i < large.size(); ++i) {
    loop_.Post([this, &large, i] {
      collector_->MarkActive("acme", "alice");
      collector_->Refresh("acme", "alice");
      EXPECT_TRUE(collector_->FetchWhole("acme", "alice", large[i]));
    });
    ids.push_back(Accept("m" + std::to_string(i)));
    AddMessage("alice", "new");
    RunFor(std::chrono::milliseconds(i % 3 == 0 ? 100 : 3000));
  }
  const auto all_filed = [&] {
    return std::all_of(ids.begin(), ids.end(),
                       [&](SubmissionId id) { return Get(id).filing == Filing::kDone; });
  };
  ASSERT_TRUE(RunUntil(all_filed, std::chrono::minutes(5)));
  RunFor(std::chrono::minutes(1));
  EXPECT_GT(server_.counters.commands["IDLE"], 0U);
  EXPECT_GT(server_.counters.commands["APPEND"], 0U);
  for (const MessageId id : large) {
    EXPECT_TRUE(mail_->GetMessage(id)->has_body());
  }
  EXPECT_EQ(server_.counters.connections_open_max, 1U);
}

TEST_F(CollectorSendTest, WhatWaitsForAMailboxThatIsGoneIsSentOnceWhenItReturns) {
  config::SetFingerprints(config_.tenants.front());
  const auto with = std::make_shared<const config::TenantConfig>(config_.tenants.front());
  auto without = std::make_shared<config::TenantConfig>(*with);
  without->mailboxes.clear();
  const auto apply = [this](const std::shared_ptr<const config::TenantConfig>& tenant) {
    loop_.Post([this, tenant] {
      collector_->Apply(collector_->OnboardInStore(tenant, [](MailboxId) { return true; }).value());
    });
    RunFor(std::chrono::seconds(5));
  };
  Start();
  ASSERT_TRUE(RunUntil([&] { return server_.counters.logins > 0; }, std::chrono::minutes(1)));
  RunFor(std::chrono::seconds(5));
  apply(without);
  const SubmissionId id = Accept("hello");
  RunFor(std::chrono::minutes(5));
  EXPECT_EQ(smtp_.mails.size(), 0U);
  apply(with);
  EXPECT_TRUE(RunUntil([&] { return Get(id).filing == Filing::kDone; }, std::chrono::minutes(2)));
  EXPECT_EQ(smtp_.mails.size(), 1U);
  apply(without);
  EXPECT_TRUE(collector_->mailboxes().empty());
}

TEST_F(CollectorSendTest, ANewSubmissionServerIsUsedAtOnce) {
  config_.tenants.front().mailboxes.front().submission->password = Secret("wrong");
  config::SetFingerprints(config_.tenants.front());
  Start();
  const SubmissionId id = Accept("hello");
  RunFor(std::chrono::minutes(1));
  EXPECT_EQ(smtp_.mails.size(), 0U);
  auto mended = std::make_shared<config::TenantConfig>(config_.tenants.front());
  mended->mailboxes.front().submission->password = Secret("secret");
  config::SetFingerprints(*mended);
  loop_.Post([this, mended] {
    collector_->Apply(collector_->OnboardInStore(mended, [](MailboxId) { return false; }).value());
  });
  EXPECT_TRUE(RunUntil([&] { return Get(id).filing == Filing::kDone; }, std::chrono::minutes(10)));
  EXPECT_EQ(smtp_.mails.size(), 1U);
}

}  // namespace
}  // namespace mailhaul::app
