// Re-linking without bodies, and the taking over of gone messages by their bytes.
#include "tests/store/follow_fixture.h"

namespace mailhaul::store {
namespace {

using MailStoreIdentity = FollowFixture;

constexpr uint8_t kSeen = 1;

TEST(Identity, DependsOnEveryByteOfTheHeaderAndOnTheSize) {
  EXPECT_EQ(ComputeIdentity("a: b\r\n\r\n", 10), ComputeIdentity("a: b\r\n\r\n", 10));
  EXPECT_NE(ComputeIdentity("a: b\r\n\r\n", 10), ComputeIdentity("a: c\r\n\r\n", 10));
  EXPECT_NE(ComputeIdentity("a: b\r\n\r\n", 10), ComputeIdentity("a: b\r\n\r\n", 11));
  const Sha256 whole = ComputeSha256("a: b\r\n\r\n10");
  EXPECT_TRUE(
      std::equal(whole.begin(), whole.begin() + 16, ComputeIdentity("a: b\r\n\r\n", 10).begin()));
}

TEST_F(MailStoreIdentity, AMovedMessageKeepsItsId) {
  AppendOk({KnownMessage(1, "one"), KnownMessage(2, "two")});
  const StoredMessage before = Only("one");
  Vanish(1, 1);
  EXPECT_EQ(Relink(archive_, 4, {ItemOf(9, "one", kSeen), ItemOf(10, "unknown")}), "9");
  const StoredMessage after = Only("one");
  EXPECT_EQ(after.id, before.id);
  EXPECT_EQ(after.internal_date, before.internal_date);
  EXPECT_EQ(after.folder, archive_);
  EXPECT_EQ(after.uid_validity, 4U);
  EXPECT_EQ(after.uid, 9U);
  EXPECT_EQ(after.flags, kSeen);
  EXPECT_FALSE(after.gone);
  EXPECT_EQ(Inbox().messages, 1U);
  EXPECT_EQ(Inbox().gone, 0U);
  EXPECT_EQ(Inbox().unread, 1U);
  EXPECT_EQ(FolderOf(archive_).messages, 1U);
  EXPECT_EQ(FolderOf(archive_).unread, 0U);
  EXPECT_EQ(PlacedUids(archive_, 4), "9");
  EXPECT_EQ(store_->ReadLedger(mailbox_, archive_, 4)->ToSequenceSet(), "9");
  MessageQuery query;
  query.tenant = tenant_;
  query.mailbox = mailbox_;
  query.folder = archive_;
  ASSERT_EQ(ListAll(query).size(), 1U);
  EXPECT_EQ(ListAll(query)[0].id, before.id);
}

TEST_F(MailStoreIdentity, RepeatingItWritesNothing) {
  AppendOk({KnownMessage(1, "one")});
  Vanish(1, 1);
  EXPECT_EQ(Relink(archive_, 1, {ItemOf(9, "one")}), "9");
  const uint64_t commits = records_.commits();
  EXPECT_EQ(Relink(archive_, 1, {ItemOf(9, "one", kSeen)}), "9");
  EXPECT_EQ(records_.commits(), commits);
  EXPECT_EQ(Only("one").flags, 0) << "flags are ApplySync()'s business then";
}

TEST_F(MailStoreIdentity, AMessageThatIsStillThereIsNotTaken) {
  AppendOk({KnownMessage(1, "one")});
  EXPECT_EQ(Relink(archive_, 1, {ItemOf(9, "one")}), "");
  EXPECT_EQ(Relink(inbox_, 1, {ItemOf(9, "one")}), "");
  EXPECT_EQ(Only("one").uid, 1U);
}

TEST_F(MailStoreIdentity, ANewUidValidityNeedsNoBodies) {
  AppendOk({KnownMessage(1, "one"), KnownMessage(2, "two", kSeen), KnownMessage(3, "three")}, 1);
  AppendTo(archive_, {KnownMessage(1, "other")}, 1);
  EXPECT_EQ(Relink(inbox_, 2, {ItemOf(11, "two"), ItemOf(12, "one"), ItemOf(13, "other")}),
            "11:12");
  EXPECT_EQ(Only("one").uid, 12U);
  EXPECT_EQ(Only("two").uid, 11U);
  EXPECT_EQ(Only("three").uid_validity, 1U);
  EXPECT_EQ(Only("other").folder, archive_);
  EXPECT_EQ(Inbox().unread, 3U);
  // What was left alone is still found by its bytes.
  EXPECT_EQ(AppendOk({MessageOf(14, "three")}, 2).relinked, 1U);
  EXPECT_EQ(AppendOk({MessageOf(15, "three")}, 2).stored, 1U);
}

TEST_F(MailStoreIdentity, TwinsAreBoundInOrderWhenTheyAreAsMany) {
  AppendOk({KnownMessage(1, "twin"), KnownMessage(2, "twin"), KnownMessage(3, "one")}, 1);
  const std::vector<StoredMessage> before = ListMailbox();  // Newest first.
  EXPECT_EQ(Relink(inbox_, 2, {ItemOf(22, "twin"), ItemOf(21, "twin"), ItemOf(23, "one")}),
            "21:23");
  const std::vector<StoredMessage> after = ListMailbox();
  ASSERT_EQ(after.size(), 3U);
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(after[i].id, before[i].id);
    EXPECT_EQ(after[i].uid, before[i].uid + 20);
  }
}

TEST_F(MailStoreIdentity, WhatIsAmbiguousIsLeftAlone) {
  // Two gone copies, one item; one gone copy, two items.
  AppendOk({KnownMessage(1, "twin"), KnownMessage(2, "twin"), KnownMessage(3, "one")});
  Vanish(1, 3);
  EXPECT_EQ(Relink(archive_, 1, {ItemOf(21, "twin"), ItemOf(22, "one"), ItemOf(23, "one")}), "");
  EXPECT_EQ(Inbox().gone, 3U);
}

TEST_F(MailStoreIdentity, CopiesWithOtherBytesAreNotTwins) {
  IngestMessage first = KnownMessage(1, "aaa");
  IngestMessage second = KnownMessage(2, "bbb");
  first.identity = second.identity = IdentityOf("same header");
  AppendOk({first, second});
  Vanish(1, 2);
  EXPECT_EQ(Relink(archive_, 1, {ItemOf(21, "same header"), ItemOf(22, "same header")}), "");
}

TEST_F(MailStoreIdentity, TheDateTellsCopiesApart) {
  IngestMessage first = KnownMessage(1, "aaa");
  IngestMessage second = KnownMessage(2, "bbb");
  IngestMessage third = KnownMessage(3, "ccc");
  first.identity = second.identity = third.identity = IdentityOf("same header");
  AppendOk({first, second, third});
  Vanish(1, 3);
  RelinkItem item = ItemOf(21, "same header");
  item.internal_date = second.internal_date;
  RelinkItem other = ItemOf(22, "same header");
  EXPECT_EQ(Relink(archive_, 1, {item, other}), "21");
  EXPECT_EQ(Only("bbb").uid, 21U);
  // With the second out of the way, the date of the third leaves one for the first.
  other.internal_date = third.internal_date;
  EXPECT_EQ(Relink(archive_, 1, {ItemOf(23, "same header"), other}), "22:23");
  EXPECT_EQ(Only("aaa").uid, 23U);
  EXPECT_EQ(Only("ccc").uid, 22U);
}

// A twin that is gone from another folder may have the very date: taken, it would leave the one of
// this folder to be shown beside it.
TEST_F(MailStoreIdentity, AGoneTwinOfTheFolderItselfGoesBeforeThoseOfOthers) {
  AppendOk({KnownMessage(1, "twin")}, 1);
  std::swap(inbox_, archive_);
  AppendOk({KnownMessage(5, "twin")}, 1);
  Vanish(5, 5);
  std::swap(inbox_, archive_);
  Vanish(1, 1);
  RelinkItem item = ItemOf(1, "twin");
  item.internal_date = At(5000);  // That of the archive's.
  EXPECT_EQ(Relink(inbox_, 2, {item}), "1");
  for (const StoredMessage& message : ListMailbox()) {
    EXPECT_EQ(message.gone, message.folder == archive_);
  }
}

TEST_F(MailStoreIdentity, GoneMessagesOfAMailboxAreNotTakenByAnother) {
  AppendOk({KnownMessage(1, "one")});
  Vanish(1, 1);
  const MailboxId bob = store_->EnsureMailbox(tenant_, "bob", "bob@acme.example").value();
  const FolderId folder = store_->EnsureFolder(bob, "INBOX", "inbox").value();
  const std::vector<RelinkItem> items = {ItemOf(1, "one")};
  EXPECT_TRUE(store_->Relink(bob, folder, 1, items)->empty());
  IngestBatch batch = BatchOf({KnownMessage(1, "one")});
  batch.mailbox = bob;
  batch.folder = folder;
  batch.relink_gone = true;
  ASSERT_TRUE(Append(batch).ok());
  EXPECT_EQ(batch.stored, 1U);
}

TEST_F(MailStoreIdentity, ADownloadedMessageTakesOverItsGoneTwin) {
  AppendOk({MessageOf(1, "one"), MessageOf(2, "twin"), MessageOf(3, "twin")});
  const StoredMessage before = Only("one");
  Vanish(1, 3);
  const IngestBatch batch = AppendTo(archive_,
                                     {KnownMessage(5, "one", kSeen), KnownMessage(6, "twin"),
                                      KnownMessage(7, "twin"), KnownMessage(8, "twin")},
                                     1, true);
  EXPECT_EQ(batch.relinked, 3U);
  EXPECT_EQ(batch.stored, 1U);
  EXPECT_EQ(batch.bytes_stored, 0U);
  EXPECT_EQ(Only("one").id, before.id);
  EXPECT_EQ(Only("one").folder, archive_);
  EXPECT_EQ(Only("one").flags, kSeen);
  EXPECT_EQ(ListMailbox().size(), 4U);
  // It got an identity on this occasion.
  UidSet vanished;
  vanished.Add(5);
  ASSERT_TRUE(store_
                  ->ApplySync({.mailbox = mailbox_,
                               .folder = archive_,
                               .uid_validity = 1,
                               .flags = {},
                               .vanished = vanished})
                  .ok());
  EXPECT_EQ(Relink(inbox_, 1, {ItemOf(30, "one")}), "30");
}

TEST_F(MailStoreIdentity, OfGoneTwinsTheOneOfTheSameFolderIsTakenOver) {
  AppendOk({MessageOf(1, "twin")});
  AppendTo(archive_, {MessageOf(9, "twin")});
  Vanish(1, 1);
  ASSERT_EQ(store_->MarkStaleGone(mailbox_, archive_, 2).value(), 1U);
  EXPECT_EQ(AppendTo(archive_, {MessageOf(9, "twin")}, 2, true).relinked, 1U);
  std::map<FolderId, size_t> shown;
  for (const StoredMessage& message : ListMailbox()) {
    ++shown[message.folder];
    EXPECT_EQ(message.gone, message.folder == inbox_);
  }
  EXPECT_EQ(shown, (std::map<FolderId, size_t>{{inbox_, 1}, {archive_, 1}}));
}

TEST_F(MailStoreIdentity, WithoutBeingAskedAppendTakesNothingOver) {
  AppendOk({MessageOf(1, "one")});
  Vanish(1, 1);
  EXPECT_EQ(AppendTo(archive_, {MessageOf(5, "one")}).stored, 1U);
  EXPECT_EQ(ListMailbox().size(), 2U);
}

TEST_F(MailStoreIdentity, MessagesWithoutBytesAreToldApartByTheirIdentity) {
  AppendOk({BodilessMessage(1, "first large one"), BodilessMessage(2, "second large one")}, 1);
  const std::vector<StoredMessage> before = ListMailbox();
  // Under a new UIDVALIDITY, in another order.
  const IngestBatch batch =
      AppendOk({BodilessMessage(8, "second large one"), BodilessMessage(9, "third large one")}, 2);
  EXPECT_EQ(batch.relinked, 1U);
  EXPECT_EQ(batch.stored, 1U);
  EXPECT_EQ(store_->GetMessage(before[0].id)->uid, 8U);
  EXPECT_EQ(Relink(inbox_, 2, {ItemOf(10, "first large one")}), "10");
  EXPECT_EQ(store_->GetMessage(before[1].id)->uid, 10U);
}

TEST_F(MailStoreIdentity, ManyTwinsAreBoundInSeveralBatches) {
  std::vector<IngestMessage> messages;
  std::vector<RelinkItem> items;
  for (Uid uid = 1; uid <= 3000; ++uid) {
    messages.push_back(KnownMessage(uid, "twin"));
    items.push_back(ItemOf(uid, "twin"));
  }
  AppendOk(messages, 1);
  const uint64_t commits = records_.commits();
  EXPECT_EQ(Relink(inbox_, 2, items), "1:3000");
  EXPECT_GT(records_.commits(), commits + 1);
  for (const StoredMessage& message : ListMailbox()) {
    EXPECT_EQ(message.uid_validity, 2U);
    EXPECT_EQ(message.internal_date, At(int64_t{1000} * message.uid));
  }
}

TEST_F(MailStoreIdentity, BadArgumentsAreRefused) {
  const std::vector<RelinkItem> no_uid = {ItemOf(0, "one")};
  EXPECT_EQ(store_->Relink(mailbox_, inbox_, 1, no_uid).status().code(), Code::kInvalidArgument);
  EXPECT_EQ(store_->Relink(mailbox_, 77, 1, {}).status().code(), Code::kNotFound);
  EXPECT_EQ(store_->Relink(MailboxId{5}, 1, 1, {}).status().code(), Code::kNotFound);
}

}  // namespace
}  // namespace mailhaul::store
