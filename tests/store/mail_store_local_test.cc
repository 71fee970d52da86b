// What users change and delete here, beside a source that says otherwise.
#include "store/key_layout.h"
#include "store/records.h"
#include "tests/store/follow_fixture.h"

namespace mailhaul::store {
namespace {

class MailStoreLocal : public FollowFixture {
 protected:
  StoredMessage Change(MessageId id, const LocalPatch& patch) {
    const Result<StoredMessage> changed = store_->ChangeMessage(id, patch, nullptr);
    EXPECT_TRUE(changed.ok()) << changed.status().ToString();
    return changed.ok() ? *changed : StoredMessage();
  }
  // Stores one message as UID 1 and deletes it.
  MessageId DeleteOne(const std::string& body) {
    AppendOk({KnownMessage(1, body)});
    const MessageId id = Only(body).id;
    EXPECT_TRUE(store_->DeleteMessage(id, nullptr).ok());
    return id;
  }
  void ExpectNothingShown() {
    EXPECT_TRUE(ListMailbox().empty());
    EXPECT_EQ(store_->GetMailbox(mailbox_)->messages, 0U);
    EXPECT_EQ(store_->GetMailbox(mailbox_)->bytes, 0U);
    for (const FolderRecord& folder : store_->ListFolders(mailbox_).value()) {
      EXPECT_EQ(folder.messages, 0U);
      EXPECT_EQ(folder.unread, 0U);
    }
  }
  uint64_t ReferencesTo(const std::string& body) {
    const std::string key = BlobKey(mailbox_.shard(), tenant_, ComputeSha256(body));
    return DecodeBlobReference(records_.Get(key)->value())->count;
  }
};

TEST_F(MailStoreLocal, ALaterChangeAtTheSourceDoesNotUndoALocalOne) {
  AppendOk({KnownMessage(1, "message")});
  const MessageId id = Only("message").id;
  EXPECT_EQ(Inbox().unread, 1U);
  Change(id, {.seen = std::optional(true), .flagged = {}, .folder = {}, .tags = {}});
  EXPECT_EQ(Inbox().unread, 0U);
  Sync({{.uid = 1, .flags = kFlaggedBit, .keywords = {}}}, {});
  const StoredMessage shown = Only("message");
  EXPECT_EQ(shown.shown_flags(), kSeenBit | kFlaggedBit);
  EXPECT_EQ(shown.flags, kFlaggedBit);
  EXPECT_EQ(Inbox().unread, 0U);

  Change(id,
         {.seen = std::optional(std::optional<bool>()), .flagged = {}, .folder = {}, .tags = {}});
  EXPECT_EQ(Only("message").shown_flags(), kFlaggedBit);
  EXPECT_EQ(Inbox().unread, 1U);
}

TEST_F(MailStoreLocal, AMessageIsListedAndCountedWhereItIsShown) {
  AppendOk({KnownMessage(1, "message")});
  const MessageId id = Only("message").id;
  Change(id, {.seen = {}, .flagged = {}, .folder = std::optional(archive_), .tags = {}});
  EXPECT_EQ(Inbox().messages, 0U);
  EXPECT_EQ(Inbox().placed, 1U);
  EXPECT_EQ(FolderOf(archive_).messages, 1U);
  EXPECT_EQ(FolderOf(archive_).unread, 1U);
  MessageQuery query;
  query.tenant = tenant_;
  query.mailbox = mailbox_;
  query.folder = inbox_;
  EXPECT_TRUE(ListAll(query).empty());
  query.folder = archive_;
  EXPECT_EQ(ListAll(query).size(), 1U);
  // The source moves it elsewhere: it stays where the user wants it.
  const FolderId other = store_->EnsureFolder(mailbox_, "Other", "").value();
  Vanish(1, 1);
  EXPECT_EQ(Relink(other, 1, {ItemOf(9, "message")}), "9");
  EXPECT_EQ(ListAll(query).size(), 1U);
  EXPECT_EQ(FolderOf(other).messages, 0U);
}

TEST_F(MailStoreLocal, WhatIsDeletedDoesNotComeBackWithANewUidValidity) {
  DeleteOne("message");
  ExpectNothingShown();
  const IngestBatch again = AppendOk({KnownMessage(1, "message")});
  EXPECT_EQ(again.duplicates, 1U);
  const IngestBatch renumbered = AppendOk({KnownMessage(7, "message")}, /*uid_validity=*/2);
  EXPECT_EQ(renumbered.relinked, 1U);
  EXPECT_EQ(Relink(inbox_, 3, {ItemOf(4, "message")}), "4");
  EXPECT_EQ(PlacedUids(inbox_, 3), "4");
  ExpectNothingShown();
}

TEST_F(MailStoreLocal, NorWhenTheSourceMovesIt) {
  DeleteOne("message");
  Vanish(1, 1);
  EXPECT_EQ(Relink(archive_, 1, {ItemOf(5, "message")}), "5");
  ExpectNothingShown();
}

TEST_F(MailStoreLocal, NorWhenItVanishedAndIsFetchedAnewLongAfterwards) {
  DeleteOne("message");
  Vanish(1, 1);
  EXPECT_EQ(store_->RemoveGone(mailbox_, 100).value(), 0U);
  Reopen();
  EXPECT_EQ(AppendTo(archive_, {KnownMessage(5, "message")}).relinked, 1U);
  ExpectNothingShown();
  EXPECT_TRUE(store_->MarkFolderGone(mailbox_, archive_).ok());
  EXPECT_EQ(AppendTo(archive_, {KnownMessage(1, "message")}).relinked, 1U);
  ExpectNothingShown();
}

TEST_F(MailStoreLocal, NorWhenAPop3SourceNumbersItAnew) {
  DeleteOne("message");
  IngestBatch batch = BatchOf({KnownMessage(2, "message")});
  batch.listed.emplace();
  batch.listed->Add(2);
  EXPECT_TRUE(Append(batch).ok());
  EXPECT_EQ(batch.relinked, 1U);
  ExpectNothingShown();
}

TEST_F(MailStoreLocal, NorWhenItsBodyComesLate) {
  AppendOk({BodilessMessage(1, "message")});
  ASSERT_TRUE(store_->DeleteMessage(ListMailbox().at(0).id, nullptr).ok());
  IngestMessage body = KnownMessage(1, "message");
  body.completes = true;
  EXPECT_EQ(AppendOk({body}).duplicates, 1U);
  ExpectNothingShown();
}

TEST_F(MailStoreLocal, DeletingGivesUpTheBody) {
  AppendTo(archive_, {KnownMessage(1, "message")});
  AppendOk({KnownMessage(1, "message")});
  EXPECT_EQ(ReferencesTo("message"), 2U);
  const std::vector<StoredMessage> both = ListMailbox();
  ASSERT_EQ(both.size(), 2U);
  EXPECT_TRUE(store_->DeleteMessage(both[0].id, nullptr).ok());
  EXPECT_EQ(ReferencesTo("message"), 1U);
  EXPECT_EQ(RawOf(Only("message")), "message");
  EXPECT_TRUE(store_->DeleteMessage(both[1].id, nullptr).ok());
  EXPECT_EQ(ReferencesTo("message"), 0U);
}

TEST_F(MailStoreLocal, WhatIsNotAdmittedChangesNothing) {
  AppendOk({KnownMessage(1, "message")});
  const StoredMessage before = store_->GetMessage(Only("message").id).value();
  const uint64_t commits = records_.commits();
  std::string asked_about;
  const MailStore::Admit refuse = [&](const StoredMessage& message) {
    asked_about = message.version;
    return Status(Code::kConflict, "not that version");
  };
  const LocalPatch patch{.seen = std::optional(true), .flagged = {}, .folder = {}, .tags = {}};
  EXPECT_EQ(store_->ChangeMessage(before.id, patch, refuse).status().code(), Code::kConflict);
  EXPECT_EQ(store_->DeleteMessage(before.id, refuse).code(), Code::kConflict);
  EXPECT_EQ(asked_about, before.version);
  EXPECT_EQ(records_.commits(), commits);
  EXPECT_NE(Change(before.id, patch).version, before.version);
}

TEST_F(MailStoreLocal, AChangeThatIsNoneWritesNothing) {
  AppendOk({KnownMessage(1, "message")});
  const MessageId id = Only("message").id;
  const LocalPatch patch{.seen = std::optional(true),
                         .flagged = std::optional(std::optional<bool>()),
                         .folder = {},
                         .tags = std::optional(std::vector<std::string>{"a"})};
  const StoredMessage first = Change(id, patch);
  const uint64_t commits = records_.commits();
  EXPECT_EQ(Change(id, patch).version, first.version);
  EXPECT_EQ(records_.commits(), commits);
}

TEST_F(MailStoreLocal, AConflictingWriterIsNotOverwritten) {
  AppendOk({KnownMessage(1, "message")});
  const MessageId id = Only("message").id;
  const LocalPatch patch{.seen = std::optional(true), .flagged = {}, .folder = {}, .tags = {}};
  int reads = 0;
  // Another writer changes the row between our reading and writing, once.
  const MailStore::Admit interfere = [&](const StoredMessage&) {
    if (++reads == 1) {
      Placement other = DecodePlacement(records_.Get(PlacementKey(id))->value()).value();
      other.local.flagged = true;
      records_.Tamper(PlacementKey(id), EncodePlacement(other));
    }
    return Status::Ok();
  };
  const StoredMessage changed = store_->ChangeMessage(id, patch, interfere).value();
  EXPECT_EQ(reads, 2);
  EXPECT_EQ(changed.local_state.seen, true);
  EXPECT_EQ(changed.local_state.flagged, true);
}

TEST_F(MailStoreLocal, ImpossibleChangesAreRefused) {
  AppendOk({KnownMessage(1, "message")});
  const MessageId id = Only("message").id;
  const auto refusal_of = [&](std::vector<std::string> tags) {
    return store_
        ->ChangeMessage(
            id, {.seen = {}, .flagged = {}, .folder = {}, .tags = std::optional(std::move(tags))},
            nullptr)
        .status()
        .code();
  };
  const std::vector<size_t> impossible_sizes = {0, kLocalTagBytesMax + 1};
  for (const size_t size : impossible_sizes) {
    std::vector<std::string> tag(1);
    tag[0].assign(size, 'a');
    EXPECT_EQ(refusal_of(tag), Code::kInvalidArgument);
  }
  EXPECT_EQ(refusal_of({"a\nb"}), Code::kInvalidArgument);
  EXPECT_EQ(refusal_of({"\xff"}), Code::kInvalidArgument);
  EXPECT_EQ(refusal_of({"a", "a"}), Code::kInvalidArgument);
  std::vector<std::string> tags(kLocalTagsMax);
  for (size_t i = 0; i < tags.size(); ++i) {
    tags[i].assign(kLocalTagBytesMax, static_cast<char>('0' + i));
  }
  EXPECT_EQ(refusal_of(tags), Code::kOk);
  EXPECT_EQ(Only("message").shown_tags(), tags);
  tags.emplace_back("one more");
  EXPECT_EQ(refusal_of(tags), Code::kInvalidArgument);
  const LocalPatch nowhere{
      .seen = {}, .flagged = {}, .folder = std::optional(FolderId{99}), .tags = {}};
  EXPECT_EQ(store_->ChangeMessage(id, nowhere, nullptr).status().code(), Code::kInvalidArgument);
  for (const uint64_t none : {uint64_t{0}, uint64_t{1}, id.value + 1, UINT64_MAX}) {
    EXPECT_EQ(store_->DeleteMessage({none}, nullptr).code(), Code::kNotFound);
  }
}

TEST_F(MailStoreLocal, AFailedCommitLeavesItUndone) {
  AppendOk({KnownMessage(1, "message")});
  const MessageId id = Only("message").id;
  records_.InjectFault(1, MemoryKeyValueStore::Fault::kDiskFull);
  EXPECT_EQ(store_->DeleteMessage(id, nullptr).code(), Code::kDiskFull);
  EXPECT_EQ(Only("message").id, id);
  records_.InjectFault(1, MemoryKeyValueStore::Fault::kUnknownApplied);
  EXPECT_EQ(store_->DeleteMessage(id, nullptr).code(), Code::kUnknownOutcome);
  EXPECT_EQ(store_->DeleteMessage(id, nullptr).code(), Code::kNotFound);
  ExpectNothingShown();
}

}  // namespace
}  // namespace mailhaul::store
