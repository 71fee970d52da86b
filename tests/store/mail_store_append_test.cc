#include "store/key_layout.h"
#include "tests/store/mail_store_fixture.h"

namespace mailhaul::store {
namespace {

using MailStoreAppend = MailStoreFixture;

TEST_F(MailStoreAppend, AMessageIsReadBackWithAllThatWasStored) {
  Onboard();
  IngestMessage message = MessageOf(17, "From: a\r\n\r\nbody", 1 | 4);
  message.keywords = {"$Forwarded", "work"};
  message.quarantined = true;
  const IngestBatch batch = AppendOk({message}, 9);
  EXPECT_EQ(batch.stored, 1U);
  EXPECT_EQ(batch.bytes_stored, message.size);
  Reopen();
  const std::vector<StoredMessage> all = ListMailbox();
  ASSERT_EQ(all.size(), 1U);
  const StoredMessage stored = store_->GetMessage(all[0].id).value();
  EXPECT_EQ(stored.id.shard(), mailbox_.shard());
  EXPECT_EQ(stored.mailbox, mailbox_);
  EXPECT_EQ(stored.folder, inbox_);
  EXPECT_EQ(stored.uid_validity, 9U);
  EXPECT_EQ(stored.uid, 17U);
  EXPECT_EQ(stored.flags, 1 | 4);
  EXPECT_EQ(stored.keywords, message.keywords);
  EXPECT_EQ(stored.internal_date, message.internal_date);
  EXPECT_EQ(stored.size, message.size);
  EXPECT_EQ(stored.thread, message.thread);
  EXPECT_TRUE(stored.quarantined);
  EXPECT_EQ(stored.sha256, message.sha256);
  EXPECT_EQ(stored.content.subject, "subject of 17");
  EXPECT_EQ(RawOf(stored), message.body);
}

TEST_F(MailStoreAppend, TheLedgerHoldsWhatWasStoredAndWhatIsAbsent) {
  Onboard();
  IngestBatch batch = BatchOf({MessageOf(3, "three"), MessageOf(4, "four")});
  batch.absent.AddRange({.first = 10, .last = 20});
  ASSERT_TRUE(Append(batch).ok());
  Reopen();
  EXPECT_EQ(store_->ReadLedger(mailbox_, inbox_, 1)->ToSequenceSet(), "3:4,10:20");
  EXPECT_EQ(store_->ReadLedger(mailbox_, inbox_, 2)->ToSequenceSet(), "");
}

TEST_F(MailStoreAppend, AUidInTheLedgerIsADuplicateAndChangesNothing) {
  Onboard();
  AppendOk({MessageOf(1, "one")});
  const uint64_t blob_bytes = store_->stats().blob_bytes;
  const size_t rows = records_.rows();
  const uint64_t commits = records_.commits();
  const IngestBatch again = AppendOk({MessageOf(1, "something else")});
  EXPECT_EQ(again.stored, 0U);
  EXPECT_EQ(again.duplicates, 1U);
  EXPECT_EQ(records_.rows(), rows);
  EXPECT_EQ(records_.commits(), commits);
  EXPECT_EQ(store_->stats().blob_bytes, blob_bytes);
  EXPECT_EQ(RawOf(ListMailbox().front()), "one");
}

TEST_F(MailStoreAppend, OfOneUidTwiceInOneCallTheSecondIsADuplicate) {
  Onboard();
  IngestBatch first = BatchOf({MessageOf(1, "one"), MessageOf(1, "one again")});
  IngestBatch second = BatchOf({MessageOf(1, "once more"), MessageOf(2, "two")});
  const std::vector<IngestBatch*> batches = {&first, &second};
  store_->Append(batches);
  EXPECT_TRUE(first.status.ok());
  EXPECT_TRUE(second.status.ok());
  EXPECT_EQ(first.stored, 1U);
  EXPECT_EQ(first.duplicates, 1U);
  EXPECT_EQ(second.stored, 1U);
  EXPECT_EQ(second.duplicates, 1U);
  EXPECT_EQ(ListMailbox().size(), 2U);
}

TEST_F(MailStoreAppend, EqualBodiesOfATenantAndShardAreWrittenOnce) {
  Onboard();
  const FolderId sent = store_->EnsureFolder(mailbox_, "Sent", "sent").value();
  const std::string body(50000, 'b');
  const IngestBatch first = AppendOk({MessageOf(1, body), MessageOf(2, body)});
  EXPECT_EQ(first.stored, 2U);
  EXPECT_EQ(first.bytes_stored, body.size());
  const uint64_t blob_bytes = store_->stats().blob_bytes;
  IngestBatch second = BatchOf({MessageOf(1, body)});
  second.folder = sent;
  ASSERT_TRUE(Append(second).ok());
  EXPECT_EQ(second.stored, 1U);
  EXPECT_EQ(second.bytes_stored, 0U);
  EXPECT_EQ(store_->stats().blob_bytes, blob_bytes);
  for (const StoredMessage& message : ListMailbox()) {
    EXPECT_EQ(RawOf(message), body);
  }
}

TEST_F(MailStoreAppend, TenantsShareNoBodies) {
  Onboard();
  const std::string body(50000, 'b');
  AppendOk({MessageOf(1, body)});
  const TenantId other = store_->EnsureTenant("other").value();
  mailbox_ = store_->EnsureMailbox(other, "alice", "a@x").value();
  inbox_ = store_->EnsureFolder(mailbox_, "INBOX", "inbox").value();
  EXPECT_EQ(AppendOk({MessageOf(1, body)}).bytes_stored, body.size());
}

TEST_F(MailStoreAppend, ABodyStreamedBeforeIsTakenFromWhereItLies) {
  Onboard();
  const std::string body(300000, 's');
  std::unique_ptr<BlobStore::Writer> writer = store_->blobs().Begin(body.size()).value();
  ASSERT_TRUE(writer->Append(body).ok());
  const BlobStore::Writer::Finished finished = writer->Finish().value();
  IngestMessage message = MessageOf(1, body);
  message.body.clear();
  message.streamed = finished;
  message.sha256 = finished.sha256;
  const IngestBatch batch = AppendOk({message});
  EXPECT_EQ(batch.bytes_stored, body.size());
  SeededRandom random(1);
  files_.DropUnsynced(random);
  Reopen();
  EXPECT_TRUE(RawOf(ListMailbox().front()) == body);
}

TEST_F(MailStoreAppend, CountersAreExactAndSurviveReopening) {
  Onboard();
  const FolderId sent = store_->EnsureFolder(mailbox_, "Sent", "sent").value();
  AppendOk({MessageOf(1, "a", 0), MessageOf(2, "bb", 1), MessageOf(3, "ccc", 0)});
  IngestBatch other = BatchOf({MessageOf(1, "dddd", 1)});
  other.folder = sent;
  ASSERT_TRUE(Append(other).ok());
  for (int i = 0; i < 2; ++i) {
    const MailboxRecord mailbox = store_->GetMailbox(mailbox_).value();
    EXPECT_EQ(mailbox.messages, 4U);
    EXPECT_EQ(mailbox.bytes, 10U);
    EXPECT_EQ(Inbox().messages, 3U);
    EXPECT_EQ(Inbox().unread, 2U);
    Reopen();
  }
}

TEST_F(MailStoreAppend, ManyBatchesOfManyShardsTakeOneBodySyncAndOneCommit) {
  tenant_ = store_->EnsureTenant("large").value();
  std::vector<MailStore::NewMailbox> names;
  for (int i = 0; i < 600; ++i) {
    names.push_back({.name = "m" + std::to_string(i), .address = "m@x"});
  }
  const std::vector<MailboxId> ids = store_->EnsureMailboxes(tenant_, names).value();
  std::vector<IngestBatch> batches(3);
  for (size_t i = 0; i < 3; ++i) {
    batches[i].mailbox = ids[i * 256];
    batches[i].folder = store_->EnsureFolder(ids[i * 256], "INBOX", "inbox").value();
    batches[i].uid_validity = 1;
    batches[i].messages = {MessageOf(1, "body " + std::to_string(i))};
  }
  const uint64_t commits = records_.commits();
  const uint64_t syncs = files_.syncs();
  const std::vector<IngestBatch*> pointers = {&batches[0], &batches[1], &batches[2]};
  store_->Append(pointers);
  for (const IngestBatch& batch : batches) {
    EXPECT_TRUE(batch.status.ok());
    EXPECT_EQ(batch.stored, 1U);
  }
  EXPECT_EQ(records_.commits(), commits + 1);
  EXPECT_EQ(files_.syncs(), syncs + 1);
}

TEST_F(MailStoreAppend, MoreThanOneBatchHoldsGoesInRounds) {
  Onboard();
  MessageContent large;
  for (int i = 0; i < 3000; ++i) {
    large.to.push_back({.name = "Somebody " + std::to_string(i), .email = "somebody@x.example"});
  }
  std::vector<IngestMessage> messages;
  for (Uid uid = 1; uid <= 100; ++uid) {
    messages.push_back(MessageOf(uid, "body " + std::to_string(uid)));
    messages.back().content = EncodeContent(large);
  }
  const uint64_t commits = records_.commits();
  EXPECT_EQ(AppendOk(messages).stored, 100U);
  EXPECT_GE(records_.commits() - commits, 3U);
  EXPECT_EQ(store_->ReadLedger(mailbox_, inbox_, 1)->ToSequenceSet(), "1:100");
  EXPECT_EQ(ListMailbox().size(), 100U);
}

TEST_F(MailStoreAppend, AHugeScatteredAbsentSetIsSplitOverCommits) {
  Onboard();
  IngestBatch batch = BatchOf({});
  for (Uid uid = 1; uid <= 350000; uid += 2) {
    batch.absent.Add(uid);
  }
  ASSERT_TRUE(Append(batch).ok());
  EXPECT_TRUE(store_->ReadLedger(mailbox_, inbox_, 1).value() == batch.absent);
  const uint64_t commits = records_.commits();
  ASSERT_TRUE(Append(batch).ok());
  EXPECT_EQ(records_.commits(), commits);
}

TEST_F(MailStoreAppend, AMessageWithEndlessKeywordsKeepsTheFirstOnes) {
  Onboard();
  IngestMessage message = MessageOf(1, "one");
  for (int i = 0; i < 10000; ++i) {
    message.keywords.push_back(std::string(i == 0 ? 100000 : 200, 'k'));
  }
  AppendOk({message});
  EXPECT_EQ(ListMailbox().front().keywords.size(), 63U);  // 64 at most, the overlong one dropped.
}

TEST_F(MailStoreAppend, WhatCannotBeStoredIsRefusedAndTheRestGoesOn) {
  Onboard();
  IngestBatch no_mailbox = BatchOf({MessageOf(1, "a")});
  no_mailbox.mailbox = MailboxId::Make(5, 5);
  IngestBatch no_folder = BatchOf({MessageOf(1, "a")});
  no_folder.folder = 99;
  IngestBatch no_uid = BatchOf({MessageOf(0, "a")});
  IngestBatch good = BatchOf({MessageOf(1, "a")});
  const std::vector<IngestBatch*> batches = {&no_mailbox, &no_folder, &no_uid, &good};
  store_->Append(batches);
  EXPECT_EQ(no_mailbox.status.code(), Code::kNotFound);
  EXPECT_EQ(no_folder.status.code(), Code::kNotFound);
  EXPECT_EQ(no_uid.status.code(), Code::kInvalidArgument);
  EXPECT_TRUE(good.status.ok());
  EXPECT_EQ(good.stored, 1U);
}

TEST_F(MailStoreAppend, EveryStoredMessageHasAnEntryInTheChangeLog) {
  Onboard();
  AppendOk({MessageOf(1, "a"), MessageOf(2, "b")});
  AppendOk({MessageOf(3, "c")});
  for (const uint64_t sequence : {1, 2, 3}) {
    EXPECT_TRUE(records_.Get(ChangeKey(mailbox_.shard(), tenant_, sequence))->has_value());
  }
  EXPECT_FALSE(records_.Get(ChangeKey(mailbox_.shard(), tenant_, 4))->has_value());
}

TEST_F(MailStoreAppend, DamagedRecordsAreNamed) {
  Onboard();
  AppendOk({MessageOf(1, "a")});
  const MessageId id = ListMailbox().front().id;
  records_.Tamper(ContentKey(id), "garbage");
  EXPECT_EQ(store_->GetMessage(id).status().code(), Code::kCorrupt);
  records_.Tamper(PlacementKey(id), "garbage");
  const Status status = store_->GetMessage(id).status();
  EXPECT_EQ(status.code(), Code::kCorrupt);
  EXPECT_NE(status.message().find("record 08"), std::string::npos) << status.message();
}

TEST_F(MailStoreAppend, AMessageWhoseBodyIsGoneIsCorrupt) {
  Onboard();
  AppendOk({MessageOf(1, "a")});
  StoredMessage message = ListMailbox().front();
  files_.Tamper("/blobs/00000001.seg", message.location.offset - 40, "XXXXXXXX");
  EXPECT_EQ(store_->OpenRaw(message).status().code(), Code::kCorrupt);
}

}  // namespace
}  // namespace mailhaul::store
