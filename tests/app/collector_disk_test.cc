// The disk's reserve: collecting pauses before the disk is full, and goes on by itself.
#include "engine/app/directory.h"
#include "engine/app/metrics.h"
#include "tests/app/engine_fixture.h"

namespace mailhaul::app {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr uint64_t kPlenty = uint64_t{1} << 40;

class CollectorDiskTest : public EngineFixture {
 protected:
  bool Says(const std::string& line) {
    return MetricsText(*collector_, clock_.Now()).find(line) != std::string::npos;
  }
  std::string State(const std::string& id) {
    return CollectorDirectory(config_, *collector_, clock_).Live("acme", id).state;
  }
  http::Waiting Waiting(const std::string& id) {
    return CollectorDirectory(config_, *collector_, clock_).Live("acme", id).waiting.value();
  }
  // As `status` and /v1/mailboxes tell it.
  std::string ErrorCode(const std::string& id) {
    const TenantId tenant = mail_->FindTenant("acme").value();
    return mail_->GetMailbox(mail_->FindMailbox(tenant, id).value())->error_code;
  }
  uint64_t Connections() const { return ConnectionsFrom(""); }
};

TEST_F(CollectorDiskTest, PausesWithoutAConnectionAndGoesOnByItself) {
  AddMailbox("alice");
  AddPop3Mailbox("bob");
  AddMessage("alice", "first");
  AddMessage("bob", "first");
  Start();
  RunFor(minutes(10));
  EXPECT_EQ(State("alice"), "ok");
  EXPECT_TRUE(Says("mailhaul_disk_full 0"));
  const uint64_t bodies = server_.counters.bodies();

  files_.SetFreeBytes(kDiskFreeMin - 1);
  AddMessage("alice", "second");
  AddMessage("bob", "second");
  RunFor(hours(1));
  const uint64_t before = Connections();
  RunFor(hours(1));
  EXPECT_EQ(Connections(), before) << "it connects, though nothing can be kept";
  EXPECT_EQ(Messages("alice"), 1U);
  EXPECT_EQ(server_.counters.bodies(), bodies);
  for (const char* id : {"alice", "bob"}) {
    EXPECT_EQ(State(id), "disk_full");
    EXPECT_EQ(ErrorCode(id), "disk_full");
    EXPECT_EQ(Waiting(id).cause, "disk_full");
    EXPECT_NE(Waiting(id).text.find("are free at"), std::string::npos) << Waiting(id).text;
  }
  EXPECT_TRUE(Says("mailhaul_disk_full 1"));
  EXPECT_TRUE(Says("mailhaul_disk_free_bytes " + std::to_string(kDiskFreeMin - 1)));
  const std::string told = CollectorDirectory(config_, *collector_, clock_).AllPoolsJson();
  EXPECT_NE(told.find("\"collecting_paused\":true"), std::string::npos) << told;

  // A little room does not have everything begin and stop again.
  files_.SetFreeBytes(kDiskFreeAgain - 1);
  RunFor(hours(1));
  EXPECT_EQ(Connections(), before);

  files_.SetFreeBytes(kDiskFreeAgain);
  EXPECT_TRUE(
      RunUntil([this] { return Messages("alice") == 2 && Messages("bob") == 2; }, seconds(30)));
  RunFor(seconds(30));
  EXPECT_EQ(State("alice"), "ok");
  EXPECT_EQ(ErrorCode("alice"), "");
  EXPECT_TRUE(Says("mailhaul_disk_full 0"));
  EXPECT_EQ(server_.counters.bodies(), 2 * bodies) << "a message was fetched twice, or never";
}

TEST_F(CollectorDiskTest, WhatIsAskedForWaitsToo) {
  AddMailbox("alice");
  Start();
  RunFor(minutes(10));
  files_.SetFreeBytes(0);
  RunFor(seconds(30));
  const uint64_t before = Connections();
  AddMessage("alice", "new");
  collector_->MarkActive("acme", "alice");
  EXPECT_TRUE(collector_->Refresh("acme", "alice"));
  RunFor(minutes(1));
  EXPECT_EQ(Connections(), before);
  EXPECT_EQ(State("alice"), "disk_full");
  files_.SetFreeBytes(kPlenty);
  EXPECT_TRUE(RunUntil([this] { return Messages("alice") == 1; }, seconds(30)));
}

TEST_F(CollectorDiskTest, AHeldSessionEndsInsteadOfFetching) {
  AddMailbox("alice");
  AddMessage("alice", "first");
  Start();
  RunFor(minutes(1));
  collector_->MarkActive("acme", "alice");
  RunFor(minutes(1));
  files_.SetFreeBytes(kDiskFreeMin - 1);
  AddMessage("alice", "second");
  RunFor(minutes(5));
  EXPECT_EQ(Messages("alice"), 1U);
  EXPECT_EQ(State("alice"), "disk_full");
  files_.SetFreeBytes(kPlenty);
  EXPECT_TRUE(RunUntil([this] { return Messages("alice") == 2; }, seconds(30)));
}

TEST_F(CollectorDiskTest, ABatchRunEndsAndTellsOfIt) {
  AddMailbox("alice");
  AddMessage("alice", "first");
  config_.data_dir = "/var/lib/mail";
  files_.SetFreeBytes(kDiskFreeMin - 1);
  Start(/*continuous=*/false);
  ASSERT_TRUE(RunUntil([this] { return over(); }, hours(1)));
  const Summary& summary = collector_->summary();
  ASSERT_EQ(summary.failures.size(), 1U);
  EXPECT_FALSE(summary.failures[0].deferred);
  EXPECT_EQ(summary.failures[0].status.code(), Code::kDiskFull);
  EXPECT_NE(summary.failures[0].status.message().find("/var/lib/mail"), std::string::npos);
  EXPECT_EQ(server_.counters.logins, 0U);
}

TEST_F(CollectorDiskTest, AMailboxThatWaitsMayGo) {
  AddMailbox("alice");
  AddMailbox("bob");
  Start();
  RunFor(minutes(10));
  files_.SetFreeBytes(0);
  RunFor(minutes(10));
  ASSERT_EQ(State("alice"), "disk_full");
  config::TenantConfig without = config_.tenants.front();
  without.mailboxes.pop_back();
  const auto tenant = std::make_shared<const config::TenantConfig>(without);
  collector_->Apply(collector_->OnboardInStore(tenant, [](MailboxId) { return false; }).value());
  AddMessage("alice", "new");
  files_.SetFreeBytes(kPlenty);
  EXPECT_TRUE(RunUntil([this] { return Messages("alice") == 1; }, seconds(30)));
  EXPECT_EQ(collector_->mailboxes().size(), 1U);
}

}  // namespace
}  // namespace mailhaul::app
