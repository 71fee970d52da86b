#include <set>

#include "tests/store/mail_store_fixture.h"

namespace mailhaul::store {
namespace {

using MailStoreRelink = MailStoreFixture;

TEST_F(MailStoreRelink, ANewUidValidityBindsMessagesToTheirNewUids) {
  Onboard();
  AppendOk({MessageOf(1, "one", 0), MessageOf(2, "two", 1)}, 1);
  const std::vector<StoredMessage> before = ListMailbox();
  const uint64_t blob_bytes = store_->stats().blob_bytes;

  const IngestBatch batch = AppendOk({MessageOf(11, "two", 0), MessageOf(12, "one", 0)}, 2);
  EXPECT_EQ(batch.relinked, 2U);
  EXPECT_EQ(batch.stored, 0U);
  EXPECT_EQ(batch.bytes_stored, 0U);
  EXPECT_EQ(store_->stats().blob_bytes, blob_bytes);

  const std::vector<StoredMessage> after = ListMailbox();
  ASSERT_EQ(after.size(), 2U);
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(after[i].id, before[i].id);
    EXPECT_EQ(after[i].internal_date, before[i].internal_date);
    EXPECT_EQ(after[i].uid_validity, 2U);
  }
  EXPECT_EQ(after[0].uid, 11U);
  EXPECT_EQ(after[1].uid, 12U);
  EXPECT_EQ(Inbox().messages, 2U);
  EXPECT_EQ(Inbox().unread, 2U);
  EXPECT_EQ(store_->GetMailbox(mailbox_)->messages, 2U);
  EXPECT_EQ(store_->ReadLedger(mailbox_, inbox_, 2)->ToSequenceSet(), "11:12");
}

TEST_F(MailStoreRelink, IdenticalTwinsStayTwoMessages) {
  Onboard();
  AppendOk({MessageOf(1, "twin"), MessageOf(2, "twin")}, 1);
  std::set<MessageId> before;
  for (const StoredMessage& message : ListMailbox()) {
    before.insert(message.id);
  }
  const IngestBatch batch =
      AppendOk({MessageOf(1, "twin"), MessageOf(2, "twin"), MessageOf(3, "twin")}, 2);
  EXPECT_EQ(batch.relinked, 2U);
  EXPECT_EQ(batch.stored, 1U);
  const std::vector<StoredMessage> after = ListMailbox();
  EXPECT_EQ(after.size(), 3U);
  std::set<Uid> uids;
  size_t kept = 0;
  for (const StoredMessage& message : after) {
    uids.insert(message.uid);
    kept += before.count(message.id);
  }
  EXPECT_EQ(uids, (std::set<Uid>{1, 2, 3}));
  EXPECT_EQ(kept, 2U);
}

TEST_F(MailStoreRelink, TwinsAreToldApartAcrossCallsAndReopening) {
  Onboard();
  AppendOk({MessageOf(1, "twin"), MessageOf(2, "twin")}, 1);
  EXPECT_EQ(AppendOk({MessageOf(7, "twin")}, 2).relinked, 1U);
  Reopen();
  EXPECT_EQ(AppendOk({MessageOf(8, "twin")}, 2).relinked, 1U);
  Reopen();
  EXPECT_EQ(AppendOk({MessageOf(9, "twin")}, 2).stored, 1U);
  EXPECT_EQ(ListMailbox().size(), 3U);
}

TEST_F(MailStoreRelink, ALaterUidValidityMayBeSmallerAndChangeAgain) {
  Onboard();
  AppendOk({MessageOf(1, "one"), MessageOf(2, "two")}, 50);
  EXPECT_EQ(AppendOk({MessageOf(1, "one")}, 7).relinked, 1U);
  EXPECT_EQ(AppendOk({MessageOf(5, "one"), MessageOf(6, "two")}, 99).relinked, 2U);
  EXPECT_EQ(ListMailbox().size(), 2U);
}

TEST_F(MailStoreRelink, ADuplicateUidIsNotRelinked) {
  Onboard();
  AppendOk({MessageOf(1, "one"), MessageOf(2, "two")}, 1);
  AppendOk({MessageOf(1, "new")}, 2);
  const IngestBatch batch = AppendOk({MessageOf(1, "one")}, 2);
  EXPECT_EQ(batch.duplicates, 1U);
  EXPECT_EQ(batch.relinked, 0U);
}

TEST_F(MailStoreRelink, AnotherFoldersMessageIsNotTaken) {
  Onboard();
  const FolderId sent = store_->EnsureFolder(mailbox_, "Sent", "sent").value();
  AppendOk({MessageOf(1, "one")}, 1);
  IngestBatch batch = BatchOf({MessageOf(1, "other")}, 1);
  batch.folder = sent;
  ASSERT_TRUE(Append(batch).ok());
  IngestBatch changed = BatchOf({MessageOf(2, "one")}, 2);
  changed.folder = sent;
  ASSERT_TRUE(Append(changed).ok());
  EXPECT_EQ(changed.relinked, 0U);
  EXPECT_EQ(changed.stored, 1U);
}

TEST_F(MailStoreRelink, ManyTwinsAreAllBoundOnce) {
  Onboard();
  std::vector<IngestMessage> messages;
  for (Uid uid = 1; uid <= 500; ++uid) {
    messages.push_back(MessageOf(uid, "twin"));
  }
  AppendOk(messages, 1);
  EXPECT_EQ(AppendOk(messages, 2).relinked, 500U);
  EXPECT_EQ(AppendOk(messages, 3).relinked, 500U);
  EXPECT_EQ(ListMailbox().size(), 500U);
  EXPECT_EQ(Inbox().messages, 500U);
}

}  // namespace
}  // namespace mailhaul::store
