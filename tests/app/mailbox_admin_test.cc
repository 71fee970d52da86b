// Mailboxes that are added and removed while the collector runs: what is tested, kept and put in
// force, and what a process that ends in the middle leaves.
#include "tests/app/mailbox_admin_fixture.h"

namespace mailhaul::app {
namespace {

TEST_F(MailboxAdminTest, WhatIsAddedIsCollectedAndOutlivesARestart) {
  StartAll();
  const Answer added = Add(BodyOf("bob"));
  ASSERT_EQ(added.status(), 201U) << added.outcome->detail;
  EXPECT_EQ(added.outcome->name, "bob");
  EXPECT_TRUE(AwaitMail("bob"));
  EXPECT_EQ(Add(BodyOf("bob")).status(), 201U);
  EXPECT_EQ(Rows(), 1U);
  StopAll();
  StartAll();
  EXPECT_TRUE(IsCollected("bob"));
  EXPECT_TRUE(IsCollected("alice"));
  AddMessage("bob", "two");
  EXPECT_TRUE(RunUntil([&] { return Messages("bob") == 2; }, minutes(10)));
}

TEST_F(MailboxAdminTest, TheConnectionsOfOthersGoOnUndisturbed) {
  server_.options.capabilities.emplace_back("IDLE");
  StartAll();
  RunFor(minutes(1));
  const uint64_t before = server_.counters.logins;
  ASSERT_EQ(Add(BodyOf("bob", "secret")).status(), 201U);
  ASSERT_TRUE(AwaitMail("bob"));
  EXPECT_EQ(server_.counters.logins, before + 2) << "the test and the first check";
}

TEST_F(MailboxAdminTest, WrongCredentialsKeepNothing) {
  StartAll();
  const Answer refused = Add(BodyOf("bob", "wrong-one"));
  EXPECT_EQ(refused.status(), 422U);
  EXPECT_EQ(refused.code(), "credentials_refused");
  EXPECT_EQ(refused.outcome->detail.find("wrong-one"), std::string::npos);
  EXPECT_EQ(Rows(), 0U);
  EXPECT_FALSE(IsCollected("bob"));
  EXPECT_FALSE(IsStored("bob"));
  EXPECT_EQ(Add(BodyOf("bob")).status(), 201U);
}

TEST_F(MailboxAdminTest, ASilentServerIsGivenUpInTime) {
  StartAll();
  server_.faults.silent = true;
  const TimePoint begin = clock_.Now();
  const Answer refused = Add(BodyOf("bob"));
  EXPECT_EQ(refused.code(), "server_timeout");
  EXPECT_LE(clock_.Now() - begin, kLoginTestMax);
  EXPECT_EQ(Rows(), 0U);
  server_.faults.silent = false;
  EXPECT_TRUE(RunUntil([&] { return Add(BodyOf("bob")).status() == 201; }, minutes(10)));
}

TEST_F(MailboxAdminTest, APoolThatIsFullGivesNoTurnAndSaysSo) {
  config_.default_limits.connections = 1;
  server_.faults.silent = true;
  config_.network.idle_timeout = minutes(5);
  StartAll();  // Alice's check holds the only connection.
  const Answer late = Add(BodyOf("bob"));
  EXPECT_EQ(late.status(), 503U);
  EXPECT_EQ(late.code(), "no_connection_free");
  EXPECT_GT(late.outcome->retry_after.count(), 0);
  EXPECT_EQ(Rows(), 0U);
}

TEST_F(MailboxAdminTest, TheTestCanBeLeftOut) {
  StartAll();
  server_.faults.hang_up = true;
  EXPECT_EQ(Add(BodyOf("bob")).code(), "unreachable");
  const Answer added = Await(Begin(
      {.tenant = "acme", .name = "", .body = BodyOf("bob"), .replaces = false, .test = false}));
  EXPECT_EQ(added.status(), 201U);
  EXPECT_TRUE(IsCollected("bob"));
  server_.faults.hang_up = false;
  EXPECT_TRUE(AwaitMail("bob"));
}

TEST_F(MailboxAdminTest, OneThingAtATimeOfOneNameAndAddress) {
  StartAll();
  server_.faults.delay_per_command = seconds(1);
  const auto first = BeginAdd(BodyOf("bob"));
  const auto second = BeginAdd(BodyOf("bob"));
  std::string other = BodyOf("bob");
  other.replace(other.find("bob"), 3, "rob");
  const auto third = BeginAdd(other);
  const auto fourth = BeginRemove("bob");
  EXPECT_EQ(Await(second).code(), "mailbox_busy");
  EXPECT_EQ(Await(third).code(), "mailbox_busy");
  EXPECT_EQ(Await(fourth).code(), "mailbox_busy");
  EXPECT_EQ(Await(first).status(), 201U);
  EXPECT_EQ(Add(other).code(), "address_exists");
}

TEST_F(MailboxAdminTest, SoManyOfATenantAreUnderWayAtMost) {
  StartAll();
  server_.faults.silent = true;
  std::vector<std::shared_ptr<Answer>> begun;
  for (size_t i = 0; i < kAddingOfTenantMax; ++i) {
    begun.push_back(BeginAdd(BodyOf("box" + std::to_string(i))));
  }
  EXPECT_EQ(Add(BodyOf("bob")).code(), "too_many_additions");
  for (const auto& answer : begun) {
    EXPECT_GE(Await(answer).status(), 400U);
  }
  EXPECT_EQ(Rows(), 0U);
}

TEST_F(MailboxAdminTest, RefusesWhatIsThereInAFileAndWhatItCannotSeal) {
  with_key_ = false;
  StartAll();
  EXPECT_EQ(Add(BodyOf("bob")).code(), "no_master_key");
  StopAll();
  with_key_ = true;
  StartAll();
  EXPECT_EQ(Add(BodyOf("alice")).code(), "mailbox_configured");
  EXPECT_EQ(Remove("alice").code(), "mailbox_configured");
  EXPECT_EQ(Remove("nobody").status(), 404U);
  EXPECT_EQ(Await(Begin({.tenant = "globex", .name = "", .body = BodyOf("bob")})).status(), 404U);
  EXPECT_EQ(Await(Begin({.tenant = "acme", .name = "bob", .body = BodyOf("bob"), .replaces = true}))
                .status(),
            404U);
}

TEST_F(MailboxAdminTest, ReplacingKeepsWhatWasCollected) {
  StartAll();
  ASSERT_EQ(Add(BodyOf("bob")).status(), 201U);
  ASSERT_TRUE(AwaitMail("bob"));
  EXPECT_EQ(Add(BodyOf("bob", "secret", R"(,"allow_cram_md5":true)")).code(), "mailbox_exists");
  const Answer changed = Await(Begin({.tenant = "acme",
                                      .name = "bob",
                                      .body = BodyOf("bob", "secret", R"(,"allow_cram_md5":true)"),
                                      .replaces = true}));
  EXPECT_EQ(changed.status(), 200U);
  EXPECT_TRUE(collector_->Find("acme", "bob")->config->source.allow_cram_md5);
  EXPECT_EQ(Messages("bob"), 1U);
  EXPECT_EQ(Rows(), 1U);
}

TEST_F(MailboxAdminTest, GoingBackFromAChangeThatWasOnlyStoredIsStoredToo) {
  using Fault = store::MemoryKeyValueStore::Fault;
  const std::string old_body = BodyOf("bob");
  // Another address is for the store to keep, too.
  std::string new_body = BodyOf("bob", "secret", R"(,"allow_cram_md5":true)");
  new_body.replace(new_body.find("@acme"), 5, "@test");
  const auto put = [this](const std::string& body) {
    return Await(Begin({.tenant = "acme", .name = "bob", .body = body, .replaces = true}));
  };
  StartAll();
  ASSERT_EQ(Add(old_body).status(), 201U);
  ASSERT_TRUE(AwaitMail("bob"));
  RunFor(seconds(2));
  records_.InjectFault(2, Fault::kDiskFull);
  ASSERT_EQ(put(new_body).status(), 503U);
  ASSERT_FALSE(collector_->Find("acme", "bob")->config->source.allow_cram_md5);
  EXPECT_EQ(put(old_body).status(), 200U);
  StopAll();
  StartAll();
  EXPECT_FALSE(collector_->Find("acme", "bob")->config->source.allow_cram_md5);
}

TEST_F(MailboxAdminTest, WhatIsRemovedIsGoneWithItsData) {
  StartAll();
  ASSERT_EQ(Add(BodyOf("bob")).status(), 201U);
  ASSERT_TRUE(AwaitMail("bob"));
  EXPECT_EQ(Remove("bob").status(), 204U);
  EXPECT_FALSE(IsCollected("bob"));
  EXPECT_FALSE(IsStored("bob"));
  EXPECT_EQ(Rows(), 0U);
  EXPECT_EQ(removed_, 1);
  EXPECT_EQ(Add(BodyOf("bob")).status(), 201U);
  EXPECT_TRUE(AwaitMail("bob"));
}

TEST_F(MailboxAdminTest, ARemovalThatFailsSaysSoAndNothingIsAddedInItsPlace) {
  using Fault = store::MemoryKeyValueStore::Fault;
  StartAll();
  int unfinished = 0;
  for (const Fault fault : {Fault::kDiskFull, Fault::kUnknownLost}) {
    for (uint64_t nth = 1; nth <= 4; ++nth) {
      ASSERT_EQ(Add(BodyOf("bob")).status(), 201U);
      ASSERT_TRUE(AwaitMail("bob"));
      RunFor(seconds(2));
      const uint64_t before = records_.commits();
      records_.InjectFault(nth, fault);
      const Answer removed = Remove("bob");
      if (removed.status() == 204) {
        EXPECT_FALSE(IsStored("bob"));
        while (records_.commits() < before + nth) {  // Something else meets the fault.
          static_cast<void>(store::DeleteSecret(records_, "nothing"));
        }
        continue;
      }
      EXPECT_EQ(removed.status(), 503U);
      EXPECT_FALSE(removed.outcome->cause.ok());
      ASSERT_TRUE(IsStored("bob"));
      if (Add(BodyOf("bob")).code() == "mailbox_busy") {
        ++unfinished;
        EXPECT_EQ(Await(Begin({.tenant = "acme",
                               .name = "bob",
                               .body = BodyOf("bob"),
                               .replaces = true,
                               .test = false}))
                      .code(),
                  "mailbox_busy");
      } else {
        EXPECT_TRUE(IsCollected("bob")) << "the mark was refused: all is as it was";
      }
      EXPECT_EQ(Remove("bob").status(), 204U);
      EXPECT_FALSE(IsStored("bob"));
      EXPECT_EQ(Rows(), 0U);
    }
  }
  EXPECT_GE(unfinished, 2);
}

TEST_F(MailboxAdminTest, ARemovalThatWasInterruptedIsEndedByTheNextStart) {
  StartAll();
  ASSERT_EQ(Add(BodyOf("bob")).status(), 201U);
  ASSERT_EQ(Add(BodyOf("carol")).status(), 201U);
  ASSERT_TRUE(AwaitMail("bob"));
  StopAll();
  ASSERT_TRUE(
      store::SaveSecret(records_, box_, NameOfAdded("acme", "bob"), RemovedMark(), random_).ok());
  ASSERT_TRUE(
      store::SaveSecret(records_, box_, NameOfAdded("acme", "dave"), RemovedMark(), random_).ok());
  StartAll();
  EXPECT_FALSE(IsStored("bob"));
  EXPECT_FALSE(IsCollected("bob"));
  EXPECT_TRUE(IsCollected("carol"));
  EXPECT_EQ(Rows(), 1U);
}

TEST_F(MailboxAdminTest, AnInterruptedRemovalThatFailsAgainKeepsNothingFromStarting) {
  StartAll();
  ASSERT_EQ(Add(BodyOf("bob")).status(), 201U);
  ASSERT_TRUE(AwaitMail("bob"));
  StopAll();
  for (const char* id : {"bob", "dave"}) {
    ASSERT_TRUE(
        store::SaveSecret(records_, box_, NameOfAdded("acme", id), RemovedMark(), random_).ok());
  }
  records_.InjectFault(1, store::MemoryKeyValueStore::Fault::kUnknownLost);
  StartAll();
  EXPECT_EQ(Rows(), 1U) << "the other was removed";
  EXPECT_TRUE(IsCollected("alice"));
  EXPECT_FALSE(IsCollected("bob"));
  EXPECT_TRUE(IsStored("bob"));
  EXPECT_EQ(Add(BodyOf("bob")).code(), "mailbox_busy");
  EXPECT_EQ(Remove("bob").status(), 204U);
  EXPECT_FALSE(IsStored("bob"));
  EXPECT_EQ(Rows(), 0U);
  EXPECT_EQ(Add(BodyOf("bob")).status(), 201U);
}

TEST_F(MailboxAdminTest, WhatStandsInAFileByThenIsNotRemoved) {
  StartAll();
  ASSERT_TRUE(
      store::SaveSecret(records_, box_, NameOfAdded("acme", "alice"), RemovedMark(), random_).ok());
  StopAll();
  StartAll();
  EXPECT_TRUE(IsCollected("alice"));
  EXPECT_EQ(Rows(), 0U);
}

TEST_F(MailboxAdminTest, AFileGoesFirstAndWhatWasAddedIsKept) {
  StartAll();
  ASSERT_EQ(Add(BodyOf("bob", "secret", R"(,"allow_cram_md5":true)")).status(), 201U);
  StopAll();
  const std::vector<config::TenantConfig> before = of_files_;
  config_.tenants = of_files_;
  AddMailbox("bob");
  of_files_ = config_.tenants;
  StartAll();
  EXPECT_FALSE(collector_->Find("acme", "bob")->config->source.allow_cram_md5);
  EXPECT_EQ(Remove("bob").code(), "mailbox_configured");
  StopAll();
  of_files_ = before;
  StartAll();
  EXPECT_TRUE(collector_->Find("acme", "bob")->config->source.allow_cram_md5);
}

TEST_F(MailboxAdminTest, WhatCannotBeOpenedIsKeptAndNotCollected) {
  StartAll();
  ASSERT_EQ(Add(BodyOf("bob")).status(), 201U);
  StopAll();
  const store::SecretBox other =
      store::SecretBox::FromKey(Secret(std::string(store::kMasterKeyBytes, 'x'))).value();
  EXPECT_TRUE(ReadAddedMailboxes(records_, &other, *config_.providers)->by_tenant.empty());
  EXPECT_TRUE(ReadAddedMailboxes(records_, nullptr, *config_.providers)->by_tenant.empty());
  ASSERT_TRUE(store::SealAnew(records_, box_, other, random_).ok());
  EXPECT_TRUE(ReadAddedMailboxes(records_, &other, *config_.providers)
                  ->by_tenant.at("acme")
                  .contains("bob"));
}

TEST_F(MailboxAdminTest, WithARemovedTenantGoesWhatItAdded) {
  StartAll();
  ASSERT_EQ(Add(BodyOf("bob")).status(), 201U);
  loop_.Post([this] { admin_->ForgetRemoved(); });
  RunFor(seconds(1));
  EXPECT_TRUE(admin_->added().by_tenant.contains("acme"));
  configured_->Remove("acme");
  ASSERT_TRUE(mail_->RemoveTenant(*mail_->FindTenant("acme")).ok());
  loop_.Post([this] { admin_->ForgetRemoved(); });
  RunFor(seconds(1));
  EXPECT_TRUE(admin_->added().by_tenant.empty());
  EXPECT_EQ(Rows(), 0U);
}

TEST_F(MailboxAdminTest, WhatIsRemovedWhileItsTenantIsAwayDoesNotComeBackWithIt) {
  StartAll();
  ASSERT_EQ(Add(BodyOf("bob")).status(), 201U);
  ASSERT_EQ(Add(BodyOf("carol")).status(), 201U);
  configured_->Remove("acme");
  ASSERT_TRUE(mail_->RemoveMailbox(*mail_->FindMailbox(*mail_->FindTenant("acme"), "bob")).ok());
  loop_.Post([this] { admin_->ForgetRemoved(); });
  RunFor(seconds(1));
  EXPECT_FALSE(admin_->added().by_tenant.at("acme").contains("bob"));
  EXPECT_TRUE(admin_->added().by_tenant.at("acme").contains("carol"));
  EXPECT_EQ(Rows(), 1U);
}

TEST_F(MailboxAdminTest, StoppingAnswersWhatIsUnderWay) {
  StartAll();
  server_.faults.silent = true;
  const auto out = BeginAdd(BodyOf("bob"));
  RunFor(seconds(1));
  StopAll();
  ASSERT_TRUE(out->outcome.has_value());
  EXPECT_EQ(out->outcome->cause.code(), Code::kCancelled);
  EXPECT_EQ(Rows(), 0U);
}

TEST_F(MailboxAdminTest, Pop3IsTestedToo) {
  StartAll();
  const Answer added = Add(BodyOf("bob", "secret", R"(,"protocol":"pop3","port":995)"));
  EXPECT_EQ(added.status(), 201U) << added.outcome->detail;
  EXPECT_TRUE(AwaitMail("bob"));
  EXPECT_EQ(Add(BodyOf("carol", "wrong-one", R"(,"protocol":"pop3","port":995)")).code(),
            "credentials_refused");
}

}  // namespace
}  // namespace mailhaul::app
