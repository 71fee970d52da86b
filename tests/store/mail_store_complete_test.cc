// Messages that are listed without their bytes, and get them later.
#include "tests/store/follow_fixture.h"

namespace mailhaul::store {
namespace {

class MailStoreComplete : public FollowFixture {
 protected:
  static IngestMessage BodyFor(Uid uid, const std::string& body) {
    IngestMessage message = KnownMessage(uid, body);
    message.thread = 77;
    message.completes = true;
    return message;
  }
  StoredMessage OnlyMessage() const {
    const std::vector<StoredMessage> all = ListMailbox();
    EXPECT_EQ(all.size(), 1U);
    return all.empty() ? StoredMessage() : all[0];
  }
};

TEST_F(MailStoreComplete, ABodyThatComesLaterIsAddedToItsPlacement) {
  IngestMessage without = BodilessMessage(1, "the whole message");
  without.size = 4;  // The server's claim.
  without.keywords = {"kept"};
  AppendOk({without});
  const StoredMessage before = OnlyMessage();
  ASSERT_FALSE(before.has_body());
  EXPECT_EQ(store_->GetMailbox(mailbox_)->bytes, 4U);

  const IngestBatch batch = AppendOk({BodyFor(1, "the whole message")});
  EXPECT_EQ(batch.completed, 1U);
  EXPECT_EQ(batch.duplicates, 0U);
  EXPECT_EQ(batch.stored, 0U);
  EXPECT_EQ(batch.bytes_stored, 17U);
  Reopen();
  const StoredMessage after = OnlyMessage();
  EXPECT_EQ(after.id, before.id);
  EXPECT_EQ(after.internal_date, before.internal_date);
  EXPECT_EQ(after.keywords, before.keywords);
  EXPECT_EQ(after.size, 17U);
  EXPECT_EQ(after.thread, 77U);
  EXPECT_FALSE(after.quarantined);
  EXPECT_EQ(RawOf(after), "the whole message");
  EXPECT_EQ(store_->GetMailbox(mailbox_)->messages, 1U);
  EXPECT_EQ(store_->GetMailbox(mailbox_)->bytes, 17U);
}

TEST_F(MailStoreComplete, RepeatingItIsADuplicate) {
  AppendOk({BodilessMessage(1, "message")});
  EXPECT_EQ(AppendOk({BodyFor(1, "message"), BodyFor(1, "message")}).completed, 1U);
  const IngestBatch again = AppendOk({BodyFor(1, "message")});
  EXPECT_EQ(again.completed, 0U);
  EXPECT_EQ(again.duplicates, 1U);
  EXPECT_EQ(RawOf(OnlyMessage()), "message");
}

TEST_F(MailStoreComplete, OnlyWhatLacksABodyGetsOne) {
  AppendOk({KnownMessage(1, "message")});
  EXPECT_EQ(AppendOk({BodyFor(1, "impostor")}).duplicates, 1U);
  EXPECT_EQ(RawOf(OnlyMessage()), "message");
  IngestBatch skipped = BatchOf({});
  skipped.absent.Add(2);
  ASSERT_TRUE(Append(skipped).ok());
  EXPECT_EQ(AppendOk({BodyFor(2, "absent")}).duplicates, 1U);
  EXPECT_EQ(AppendOk({BodyFor(3, "new")}).stored, 1U);
  EXPECT_EQ(ListMailbox().size(), 2U);
}

TEST_F(MailStoreComplete, WithoutBeingAskedForABodyIsNotAdded) {
  AppendOk({BodilessMessage(1, "message")});
  EXPECT_EQ(AppendOk({KnownMessage(1, "message")}).duplicates, 1U);
  EXPECT_FALSE(OnlyMessage().has_body());
}

TEST_F(MailStoreComplete, StillNoBodyChangesNothing) {
  AppendOk({BodilessMessage(1, "message")});
  IngestMessage still = BodilessMessage(1, "message");
  still.completes = true;
  EXPECT_EQ(AppendOk({still}).duplicates, 1U);
  EXPECT_FALSE(OnlyMessage().has_body());
}

TEST_F(MailStoreComplete, OthersWithoutBodyKeepTheirsAndTwinsShareOne) {
  AppendOk(
      {BodilessMessage(1, "message"), BodilessMessage(2, "other"), KnownMessage(3, "message")});
  const IngestBatch batch = AppendOk({BodyFor(1, "message")});
  EXPECT_EQ(batch.completed, 1U);
  EXPECT_EQ(batch.bytes_stored, 0U);
  for (const StoredMessage& message : ListMailbox()) {
    EXPECT_EQ(message.has_body(), message.uid != 2);
  }
}

TEST_F(MailStoreComplete, ACompletedMessageIsFoundByBytesAndIdentity) {
  AppendOk({BodilessMessage(1, "one"), BodilessMessage(2, "two")}, 1);
  AppendOk({BodyFor(1, "one"), BodyFor(2, "two")}, 1);
  EXPECT_EQ(AppendOk({MessageOf(11, "one")}, 2).relinked, 1U);
  EXPECT_EQ(Relink(inbox_, 2, {ItemOf(12, "two")}), "12");
}

TEST_F(MailStoreComplete, AConflictIsSettled) {
  AppendOk({BodilessMessage(1, "message")});
  records_.InjectFault(1, MemoryKeyValueStore::Fault::kConflict);
  EXPECT_EQ(AppendOk({BodyFor(1, "message")}).completed, 1U);
  EXPECT_EQ(RawOf(OnlyMessage()), "message");
}

}  // namespace
}  // namespace mailhaul::store
