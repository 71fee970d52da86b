#include <set>

#include "store/index_build.h"
#include "store/key_layout.h"
#include "tests/store/mail_store_fixture.h"

namespace mailhaul::store {
namespace {

using MailStoreOnboarding = MailStoreFixture;

TEST_F(MailStoreOnboarding, IdsStayTheSameWhateverTheOrderAndAcrossReopening) {
  Onboard();
  const TenantId other = store_->EnsureTenant("other").value();
  const MailboxId bob = store_->EnsureMailbox(tenant_, "bob", "bob@x").value();
  const FolderId sent = store_->EnsureFolder(mailbox_, "Sent", "sent").value();
  EXPECT_NE(tenant_, other);
  EXPECT_NE(mailbox_, bob);
  EXPECT_NE(inbox_, sent);
  Reopen();
  EXPECT_EQ(store_->EnsureFolder(mailbox_, "Sent", "sent").value(), sent);
  EXPECT_EQ(store_->EnsureMailbox(tenant_, "bob", "bob@x").value(), bob);
  EXPECT_EQ(store_->EnsureTenant("other").value(), other);
  EXPECT_EQ(store_->EnsureTenant("acme").value(), tenant_);
  EXPECT_EQ(store_->EnsureMailbox(tenant_, "alice", "alice@acme.example").value(), mailbox_);
  EXPECT_EQ(store_->FindTenant("acme"), tenant_);
  EXPECT_EQ(store_->FindMailbox(tenant_, "alice"), mailbox_);
  EXPECT_EQ(store_->FindMailbox(other, "alice"), std::nullopt);
  EXPECT_EQ(store_->FindTenant("nobody"), std::nullopt);
}

TEST_F(MailStoreOnboarding, WhatIsKnownIsNotWrittenAgain) {
  Onboard();
  const uint64_t commits = records_.commits();
  Onboard();
  EXPECT_EQ(records_.commits(), commits);
}

TEST_F(MailStoreOnboarding, AMailboxIsReadBackWithItsNameAndAddress) {
  Onboard();
  Reopen();
  const MailboxRecord record = store_->GetMailbox(mailbox_).value();
  EXPECT_EQ(record.id, mailbox_);
  EXPECT_EQ(record.tenant, tenant_);
  EXPECT_EQ(record.name, "alice");
  EXPECT_EQ(record.address, "alice@acme.example");
  EXPECT_EQ(record.last_complete, At(0));
  EXPECT_EQ(store_->GetMailbox(MailboxId::Make(9, 9)).status().code(), Code::kNotFound);
}

TEST_F(MailStoreOnboarding, AChangedAddressIsKept) {
  Onboard();
  EXPECT_EQ(store_->EnsureMailbox(tenant_, "alice", "new@x").value(), mailbox_);
  EXPECT_EQ(store_->GetMailbox(mailbox_)->address, "new@x");
  Reopen();
  EXPECT_EQ(store_->GetMailbox(mailbox_)->address, "new@x");
}

TEST_F(MailStoreOnboarding, ABucketHolds256MailboxesAndNeverTheControlShard) {
  tenant_ = store_->EnsureTenant("large").value();
  std::vector<MailStore::NewMailbox> mailboxes;
  for (int i = 0; i < 1000; ++i) {
    mailboxes.push_back({.name = "m" + std::to_string(i), .address = "m@x"});
  }
  mailboxes.push_back({.name = "m3", .address = "m@x"});
  const uint64_t commits = records_.commits();
  const std::vector<MailboxId> ids = store_->EnsureMailboxes(tenant_, mailboxes).value();
  EXPECT_LE(records_.commits() - commits, 3U);
  ASSERT_EQ(ids.size(), mailboxes.size());
  EXPECT_EQ(ids.back(), ids[3]);
  std::map<ShardId, int> shards;
  for (size_t i = 0; i < 1000; ++i) {
    ++shards[ids[i].shard()];
  }
  EXPECT_EQ(shards.size(), 4U);
  EXPECT_FALSE(shards.contains(kControlShard));
  for (const auto& [shard, count] : shards) {
    EXPECT_LE(count, 256);
  }
  EXPECT_EQ(std::set<MailboxId>(ids.begin(), ids.end()).size(), 1000U);
  Reopen();
  EXPECT_EQ(store_->EnsureMailboxes(tenant_, mailboxes).value(), ids);
}

TEST_F(MailStoreOnboarding, ImpossibleNamesAreRefused) {
  Onboard();
  EXPECT_EQ(store_->EnsureTenant("").status().code(), Code::kInvalidArgument);
  EXPECT_EQ(store_->EnsureTenant(std::string(256, 'x')).status().code(), Code::kInvalidArgument);
  EXPECT_EQ(store_->EnsureMailbox(tenant_, "", "a@b").status().code(), Code::kInvalidArgument);
  EXPECT_EQ(store_->EnsureMailbox({77}, "a", "a@b").status().code(), Code::kNotFound);
  EXPECT_EQ(store_->EnsureFolder(mailbox_, std::string(1001, 'x'), "").status().code(),
            Code::kInvalidArgument);
  EXPECT_EQ(store_->EnsureFolder(MailboxId::Make(9, 9), "a", "").status().code(), Code::kNotFound);
}

TEST_F(MailStoreOnboarding, AFoldersProgressIsKeptAndItsCountersAreNotTouched) {
  Onboard();
  AppendOk({MessageOf(1, "one")});
  FolderRecord folder = Inbox();
  folder.uid_validity = 5;
  folder.uid_next = 77;
  folder.window_complete = true;
  folder.backfill_complete = true;
  folder.messages = 999;
  ASSERT_TRUE(store_->SaveFolder(mailbox_, folder).ok());
  const uint64_t commits = records_.commits();
  ASSERT_TRUE(store_->SaveFolder(mailbox_, folder).ok());
  EXPECT_EQ(records_.commits(), commits);
  Reopen();
  EXPECT_EQ(Inbox().uid_validity, 5U);
  EXPECT_EQ(Inbox().uid_next, 77U);
  EXPECT_TRUE(Inbox().window_complete);
  EXPECT_TRUE(Inbox().backfill_complete);
  EXPECT_EQ(Inbox().messages, 1U);
  folder.id = 55;
  EXPECT_EQ(store_->SaveFolder(mailbox_, folder).code(), Code::kNotFound);
}

TEST_F(MailStoreOnboarding, AFoldersRoleMayChange) {
  Onboard();
  EXPECT_EQ(store_->EnsureFolder(mailbox_, "INBOX", "archive").value(), inbox_);
  Reopen();
  EXPECT_EQ(Inbox().role, "archive");
}

TEST_F(MailStoreOnboarding, AFolderMayBecomeALabelAndBack) {
  Onboard();
  for (const bool is_label : {true, false}) {
    const MailStore::NewFolder folder{.name = "INBOX", .role = "inbox", .is_label = is_label};
    EXPECT_EQ(store_->EnsureFolders(mailbox_, {&folder, 1})->front(), inbox_);
    Reopen();
    EXPECT_EQ(Inbox().is_label, is_label);
  }
}

TEST_F(MailStoreOnboarding, ManyFoldersTakeOneCommitAndANameTwiceIsOneFolder) {
  Onboard();
  const std::vector<MailStore::NewFolder> folders = {{.name = "A", .role = ""},
                                                     {.name = "INBOX", .role = "inbox"},
                                                     {.name = "B", .role = "sent"},
                                                     {.name = "A", .role = "junk"}};
  const uint64_t commits = records_.commits();
  const std::vector<FolderId> ids = store_->EnsureFolders(mailbox_, folders).value();
  EXPECT_EQ(records_.commits(), commits + 1);
  ASSERT_EQ(ids.size(), 4U);
  EXPECT_EQ(ids[1], inbox_);
  EXPECT_EQ(ids[3], ids[0]);
  Reopen();
  EXPECT_EQ(store_->ListFolders(mailbox_)->size(), 3U);
  EXPECT_EQ(store_->EnsureFolders(mailbox_, folders).value(), ids);
  std::vector<FolderRecord> records = store_->ListFolders(mailbox_).value();
  for (FolderRecord& record : records) {
    record.uid_next = 9;
  }
  const uint64_t before = records_.commits();
  ASSERT_TRUE(store_->SaveFolders(mailbox_, records).ok());
  EXPECT_EQ(records_.commits(), before + 1);
  EXPECT_EQ(Inbox().uid_next, 9U);
}

TEST_F(MailStoreOnboarding, AChecksResultIsSeenAtOnceAndWrittenLater) {
  Onboard();
  const uint64_t commits = records_.commits();
  MailboxRecord record = store_->GetMailbox(mailbox_).value();
  record.last_complete = At(5000);
  record.last_used = At(4000);
  record.window_coverage = 0.5;
  record.error_code = "timeout";
  record.messages = 12345;
  ASSERT_TRUE(store_->SaveMailboxCheck(record).ok());
  EXPECT_EQ(records_.commits(), commits);
  EXPECT_EQ(store_->GetMailbox(mailbox_)->last_complete, At(5000));
  EXPECT_EQ(store_->GetMailbox(mailbox_)->error_code, "timeout");
  EXPECT_EQ(store_->GetMailbox(mailbox_)->messages, 0U);

  clock_.Advance(std::chrono::seconds(6));
  ASSERT_TRUE(store_->SaveMailboxCheck(record).ok());
  EXPECT_EQ(records_.commits(), commits + 1);
  records_.Freeze();  // Nothing more is written by the destructor.
  Reopen();
  EXPECT_EQ(store_->GetMailbox(mailbox_)->window_coverage, 0.5);
  EXPECT_EQ(store_->GetMailbox(mailbox_)->last_used, At(4000));
  records_.Thaw();
}

TEST_F(MailStoreOnboarding, AFailedCheckIsSeenThoughItCompletedNothing) {
  Onboard();
  MailboxRecord record = store_->GetMailbox(mailbox_).value();
  record.last_complete = At(5000);
  ASSERT_TRUE(store_->SaveMailboxCheck(record).ok());
  ASSERT_TRUE(store_->FlushChecks().ok());
  record.error_code = "throttled";
  ASSERT_TRUE(store_->SaveMailboxCheck(record).ok());
  EXPECT_EQ(store_->GetMailbox(mailbox_)->error_code, "throttled");
}

TEST_F(MailStoreOnboarding, ClosingWritesTheLastChecks) {
  Onboard();
  MailboxRecord record = store_->GetMailbox(mailbox_).value();
  record.last_complete = At(5000);
  record.error_detail = std::string(5000, 'x');
  ASSERT_TRUE(store_->SaveMailboxCheck(record).ok());
  Reopen();
  EXPECT_EQ(store_->GetMailbox(mailbox_)->last_complete, At(5000));
  EXPECT_EQ(store_->GetMailbox(mailbox_)->error_detail.size(), 1024U);
}

TEST_F(MailStoreOnboarding, AnAppendWritesTheChecksOfItsMailboxes) {
  Onboard();
  MailboxRecord record = store_->GetMailbox(mailbox_).value();
  record.last_complete = At(5000);
  ASSERT_TRUE(store_->SaveMailboxCheck(record).ok());
  AppendOk({MessageOf(1, "one")});
  records_.Freeze();
  Reopen();
  records_.Thaw();
  EXPECT_EQ(store_->GetMailbox(mailbox_)->last_complete, At(5000));
  EXPECT_EQ(store_->GetMailbox(mailbox_)->messages, 1U);
}

// They lack nothing, but a program that knows no such bodies must not read them any more.
TEST_F(MailStoreOnboarding, AStoreOfAFormatBeforeIsReadAsItIsAndTakenOverByAWriter) {
  for (const std::string_view old :
       {kFormatVersionIndexed, kFormatVersionFramed, kFormatVersionSplit}) {
    const std::string before(old);
    records_.Tamper(FormatVersionKey(), before);
    store_ = MailStore::Open(records_, *blobs_, clock_, MailStore::Access::kRead).value();
    EXPECT_EQ(records_.Get(FormatVersionKey()).value(), before);
    records_.InjectFault(1, MemoryKeyValueStore::Fault::kUnknownLost);
    EXPECT_FALSE(MailStore::Open(records_, *blobs_, clock_).ok());
    store_ = MailStore::Open(records_, *blobs_, clock_).value();
    EXPECT_EQ(records_.Get(FormatVersionKey()).value(), std::string(kFormatVersionValue));
  }
}

TEST_F(MailStoreOnboarding, AForeignFormatVersionIsRefused) {
  store_.reset();
  MemoryKeyValueStore records;
  Batch batch;
  batch.Put("\x01" + std::string(3, '\0'), "mailhaul-store-999");
  Outcome outcome;
  records.Commit({&batch, 1}, {&outcome, 1});
  const Result<std::unique_ptr<MailStore>> store = MailStore::Open(records, *blobs_, clock_);
  ASSERT_FALSE(store.ok());
  EXPECT_EQ(store.status().code(), Code::kCorrupt);
  EXPECT_NE(store.status().message().find("newer mailhaul"), std::string::npos);
  EXPECT_NE(store.status().message().find("mailhaul-store-999"), std::string::npos);
}

}  // namespace
}  // namespace mailhaul::store
