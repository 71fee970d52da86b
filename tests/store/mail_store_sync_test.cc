#include "tests/store/follow_fixture.h"

namespace mailhaul::store {
namespace {

using MailStoreSync = FollowFixture;

constexpr uint8_t kSeen = 1;
constexpr uint8_t kFlagged = 4;

FlagUpdate UpdateOf(Uid uid, uint8_t flags, std::vector<std::string> keywords = {}) {
  return {.uid = uid, .flags = flags, .keywords = std::move(keywords)};
}

UidSet SetOf(std::vector<UidRange> ranges) {
  UidSet set;
  for (const UidRange& range : ranges) {
    set.AddRange(range);
  }
  return set;
}

TEST_F(MailStoreSync, FlagsBecomeWhatTheSourceSays) {
  AppendOk({MessageOf(1, "one"), MessageOf(2, "two"), MessageOf(3, "three", kSeen)});
  const MessageId id = Only("one").id;
  const SyncCounts counts =
      Sync({UpdateOf(1, kSeen | kFlagged, {"work", "$Label1"}), UpdateOf(3, 0)}, {});
  EXPECT_EQ(counts.flags_changed, 2U);
  EXPECT_EQ(counts.vanished, 0U);
  EXPECT_EQ(Only("one").id, id);
  EXPECT_EQ(Only("one").flags, kSeen | kFlagged);
  EXPECT_EQ(Only("one").keywords, (std::vector<std::string>{"work", "$Label1"}));
  EXPECT_EQ(Only("two").flags, 0);
  EXPECT_EQ(Only("three").flags, 0);
  EXPECT_EQ(Inbox().unread, 2U);
  Reopen();
  EXPECT_EQ(Only("one").flags, kSeen | kFlagged);
  EXPECT_EQ(Inbox().unread, 2U);
}

TEST_F(MailStoreSync, WhatIsSoAlreadyWritesNothing) {
  AppendOk({MessageOf(1, "one", kSeen), MessageOf(2, "two")});
  Sync({UpdateOf(1, kSeen, {"a", "b"})}, {});
  Vanish(2, 2);
  const uint64_t commits = records_.commits();
  const SyncCounts counts =
      Sync({UpdateOf(1, kSeen, {"b", "a"}), UpdateOf(2, kSeen)}, SetOf({{2, 2}, {7, UINT32_MAX}}));
  EXPECT_EQ(counts.flags_changed, 0U);
  EXPECT_EQ(counts.vanished, 0U);
  EXPECT_EQ(records_.commits(), commits);
}

TEST_F(MailStoreSync, TheLastOfSeveralUpdatesOfOneUidHolds) {
  AppendOk({MessageOf(1, "one")});
  EXPECT_EQ(Sync({UpdateOf(1, kSeen), UpdateOf(1, 0), UpdateOf(1, kSeen)}, {}).flags_changed, 3U);
  EXPECT_EQ(Only("one").flags, kSeen);
  EXPECT_EQ(Inbox().unread, 0U);
}

TEST_F(MailStoreSync, VanishedMessagesAreGoneButStillListed) {
  AppendOk({MessageOf(1, "one"), MessageOf(2, "two"), MessageOf(3, "three", kSeen)});
  const MessageId id = Only("two").id;
  const SyncCounts counts =
      Sync({UpdateOf(2, kSeen), UpdateOf(3, 0)}, SetOf({{2, 2}, {9, 4000000000}}));
  EXPECT_EQ(counts.vanished, 1U);
  EXPECT_EQ(counts.flags_changed, 1U);
  const StoredMessage gone = Only("two");
  EXPECT_TRUE(gone.gone);
  EXPECT_EQ(gone.id, id);
  EXPECT_EQ(gone.uid, 2U);
  EXPECT_EQ(gone.flags, 0) << "what vanished has no new flags";
  EXPECT_EQ(RawOf(gone), "two");
  EXPECT_FALSE(Only("one").gone);
  EXPECT_EQ(Inbox().messages, 3U);
  EXPECT_EQ(Inbox().unread, 3U);
  EXPECT_EQ(Inbox().gone, 1U);
  EXPECT_EQ(PlacedUids(inbox_), "1,3");
  EXPECT_EQ(store_->ReadLedger(mailbox_, inbox_, 1)->ToSequenceSet(), "1:3");
  // Its UID never means another message.
  EXPECT_EQ(AppendOk({MessageOf(2, "impostor")}).duplicates, 1U);
}

TEST_F(MailStoreSync, OtherFoldersAndUidValiditiesAreLeftAlone) {
  AppendOk({MessageOf(1, "one")}, 1);
  AppendTo(archive_, {MessageOf(1, "other")}, 1);
  EXPECT_EQ(Sync({UpdateOf(1, kSeen)}, SetOf({{1, 1}}), 2).vanished, 0U);
  EXPECT_EQ(Sync({}, SetOf({{1, 1}}), 1).vanished, 1U);
  EXPECT_TRUE(Only("one").gone);
  EXPECT_FALSE(Only("other").gone);
  const FolderSync nowhere{
      .mailbox = mailbox_, .folder = 77, .uid_validity = 1, .flags = {}, .vanished = {}};
  EXPECT_EQ(store_->ApplySync(nowhere).status().code(), Code::kNotFound);
}

TEST_F(MailStoreSync, ManyChangesTakeSeveralBatches) {
  std::vector<IngestMessage> messages;
  std::vector<FlagUpdate> flags;
  UidSet vanished;
  constexpr Uid kMessages = 6000;
  for (Uid uid = 1; uid <= kMessages; ++uid) {
    messages.push_back(KnownMessage(uid, std::to_string(uid)));
    flags.push_back(UpdateOf(uid, kSeen, {std::string(200, 'k')}));
    if (uid % 150 == 0 || uid > kMessages / 2) {
      vanished.Add(uid);
    }
  }
  AppendOk(std::move(messages));
  const uint64_t commits = records_.commits();
  const SyncCounts counts = Sync(std::move(flags), vanished);
  EXPECT_EQ(counts.vanished, 3020U);
  EXPECT_EQ(counts.flags_changed, 2980U);
  EXPECT_GT(records_.commits(), commits + 2);
  EXPECT_EQ(Inbox().unread, 3020U);
  EXPECT_EQ(Inbox().gone, 3020U);
  EXPECT_EQ(store_->ReadPlacedUids(mailbox_, inbox_, 1)->size(), 2980U);
}

TEST_F(MailStoreSync, AFolderThatIsNoLongerListedLosesItsMessages) {
  AppendOk({MessageOf(1, "one"), MessageOf(2, "two")});
  AppendTo(archive_, {MessageOf(1, "kept")});
  EXPECT_EQ(store_->MarkFolderGone(mailbox_, inbox_).value(), 2U);
  EXPECT_EQ(store_->MarkFolderGone(mailbox_, inbox_).value(), 0U);
  EXPECT_FALSE(Inbox().listed);
  EXPECT_EQ(Inbox().gone, 2U);
  EXPECT_TRUE(store_->ReadLedger(mailbox_, inbox_, 1)->empty());
  EXPECT_FALSE(store_->ReadLedger(mailbox_, archive_, 1)->empty());
  EXPECT_FALSE(Only("kept").gone);
  EXPECT_TRUE(FolderOf(archive_).listed);
  Reopen();
  EXPECT_FALSE(Inbox().listed);
  EXPECT_EQ(store_->EnsureFolder(mailbox_, "INBOX", "inbox").value(), inbox_);
  EXPECT_TRUE(Inbox().listed);
  EXPECT_EQ(Inbox().gone, 2U);
  Reopen();
  EXPECT_TRUE(Inbox().listed);
}

TEST_F(MailStoreSync, WhatWasNotFoundUnderTheNewUidValidityIsGone) {
  AppendOk({MessageOf(1, "one"), MessageOf(2, "two")}, 5);
  AppendOk({MessageOf(7, "two"), MessageOf(8, "new")}, 6);
  EXPECT_EQ(store_->MarkStaleGone(mailbox_, inbox_, 6).value(), 1U);
  EXPECT_EQ(store_->MarkStaleGone(mailbox_, inbox_, 6).value(), 0U);
  EXPECT_TRUE(Only("one").gone);
  EXPECT_EQ(PlacedUids(inbox_, 6), "7:8");
  EXPECT_EQ(PlacedUids(inbox_, 5), "");
  EXPECT_TRUE(Inbox().listed);
  // On both sides of the present UIDVALIDITY.
  AppendOk({MessageOf(1, "lower")}, 1);
  AppendOk({MessageOf(1, "higher")}, 9);
  EXPECT_EQ(store_->MarkStaleGone(mailbox_, inbox_, 6).value(), 2U);
  EXPECT_EQ(PlacedUids(inbox_, 6), "7:8");
}

TEST_F(MailStoreSync, GoneMessagesAreRemovedForGood) {
  AppendOk({KnownMessage(1, "one"), KnownMessage(2, "twin"), KnownMessage(3, "twin"),
            MessageOf(4, "four", kSeen)});
  const MessageId twin = ListMailbox()[1].id;
  Vanish(1, 1);
  Vanish(3, 4);
  EXPECT_EQ(store_->RemoveGone(mailbox_, 2).value(), 2U);
  EXPECT_EQ(Inbox().gone, 1U);
  EXPECT_EQ(store_->RemoveGone(mailbox_, 100).value(), 1U);
  EXPECT_EQ(store_->RemoveGone(mailbox_, 100).value(), 0U);
  const std::vector<StoredMessage> left = ListMailbox();
  ASSERT_EQ(left.size(), 1U);
  EXPECT_EQ(RawOf(left[0]), "twin");
  EXPECT_EQ(store_->GetMessage(twin).status().code(), Code::kNotFound);
  EXPECT_EQ(store_->GetMailbox(mailbox_)->messages, 1U);
  EXPECT_EQ(store_->GetMailbox(mailbox_)->bytes, 4U);
  EXPECT_EQ(Inbox().unread, 1U);
  EXPECT_EQ(store_->ReadLedger(mailbox_, inbox_, 1)->ToSequenceSet(), "1:4");
}

TEST_F(MailStoreSync, ARemovedBodyIsUsedAgainWhileItsBytesAreThere) {
  AppendOk({MessageOf(1, "one")});
  Vanish(1, 1);
  EXPECT_EQ(store_->RemoveGone(mailbox_, 100).value(), 1U);
  const IngestBatch again = AppendOk({MessageOf(2, "one")});
  EXPECT_EQ(again.stored, 1U);
  EXPECT_EQ(again.bytes_stored, 0U);
  EXPECT_EQ(RawOf(Only("one")), "one");
}

TEST_F(MailStoreSync, ManyGoneMessagesAreRemovedInSeveralBatches) {
  std::vector<IngestMessage> messages;
  for (Uid uid = 1; uid <= 3000; ++uid) {
    messages.push_back(KnownMessage(uid, std::to_string(uid / 3)));
  }
  AppendOk(std::move(messages));
  Vanish(1, 2990);
  EXPECT_EQ(store_->RemoveGone(mailbox_, 2500).value(), 2500U);
  ExpectSound();
  EXPECT_EQ(store_->RemoveGone(mailbox_, 2500).value(), 490U);
  EXPECT_EQ(ListMailbox().size(), 10U);
}

TEST_F(MailStoreSync, WhatTheSourceSaidOfAFolderIsKept) {
  FolderRecord folder = Inbox();
  folder.uid_validity = 3;
  folder.modseq = uint64_t{1} << 62;
  folder.source_messages = 12;
  folder.source_unseen = 5;
  folder.flags_checked_at = At(1700000000000);
  folder.messages = 99;
  folder.gone = 99;
  folder.listed = false;
  ASSERT_TRUE(store_->SaveFolder(mailbox_, folder).ok());
  Reopen();
  const FolderRecord saved = Inbox();
  EXPECT_EQ(saved.modseq, folder.modseq);
  EXPECT_EQ(saved.source_messages, 12U);
  EXPECT_EQ(saved.source_unseen, 5U);
  EXPECT_EQ(saved.flags_checked_at, At(1700000000000));
  EXPECT_EQ(saved.messages, 0U);
  EXPECT_EQ(saved.gone, 0U);
  EXPECT_TRUE(saved.listed);
  const uint64_t commits = records_.commits();
  ASSERT_TRUE(store_->SaveFolder(mailbox_, saved).ok());
  EXPECT_EQ(records_.commits(), commits);
}

// A server that goes back to an earlier UIDVALIDITY: its placements were counted among those of
// earlier ones.
TEST_F(MailStoreSync, AnEarlierUidValidityThatComesBackIsCountedRight) {
  AppendOk({KnownMessage(1, "a"), KnownMessage(2, "b"), KnownMessage(3, "c")}, 1);
  AppendOk({KnownMessage(1, "d")}, 2);
  AppendOk({KnownMessage(4, "e")}, 1);
  Vanish(1, 4, 1);
  ExpectSound();
}

}  // namespace
}  // namespace mailhaul::store
