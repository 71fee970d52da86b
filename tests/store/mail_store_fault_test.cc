#include "base/random.h"
#include "tests/store/mail_store_fixture.h"

namespace mailhaul::store {
namespace {

using Fault = MemoryKeyValueStore::Fault;

class MailStoreFault : public MailStoreFixture {
 protected:
  void SetUp() override {
    MailStoreFixture::SetUp();
    Onboard();
    AppendOk({MessageOf(1, "before")});
  }
  // Everything that was stored is there once, and nothing else.
  void ExpectStored(const std::vector<std::string>& bodies) {
    for (int reopened = 0; reopened < 2; ++reopened) {
      const std::vector<StoredMessage> all = ListMailbox();  // Newest first.
      ASSERT_EQ(all.size(), bodies.size());
      uint64_t bytes = 0;
      for (size_t i = 0; i < bodies.size(); ++i) {
        EXPECT_EQ(RawOf(all[bodies.size() - 1 - i]), bodies[i]);
        bytes += bodies[i].size();
      }
      EXPECT_EQ(store_->GetMailbox(mailbox_)->messages, bodies.size());
      EXPECT_EQ(store_->GetMailbox(mailbox_)->bytes, bytes);
      EXPECT_EQ(store_->ReadLedger(mailbox_, inbox_, 1)->size(), bodies.size());
      Reopen();
    }
  }
};

TEST_F(MailStoreFault, AConflictIsReadAgainAndRetried) {
  records_.InjectFault(1, Fault::kConflict);
  const IngestBatch batch = AppendOk({MessageOf(2, "two"), MessageOf(3, "before")});
  EXPECT_EQ(batch.stored, 2U);
  EXPECT_EQ(batch.bytes_stored, 3U);
  ExpectStored({"before", "two", "before"});
}

TEST_F(MailStoreFault, EndlessConflictsAreReported) {
  for (uint64_t nth = 1; nth <= 20; ++nth) {
    records_.InjectFault(nth, Fault::kConflict);
  }
  IngestBatch batch = BatchOf({MessageOf(2, "two")});
  EXPECT_EQ(Append(batch).code(), Code::kConflict);
  EXPECT_EQ(batch.stored, 0U);
}

TEST_F(MailStoreFault, BusyIsRetriedAFewTimes) {
  records_.InjectFault(1, Fault::kBusy);
  records_.InjectFault(2, Fault::kBusy);
  EXPECT_EQ(AppendOk({MessageOf(2, "two")}).stored, 1U);
  for (uint64_t nth = 1; nth <= 20; ++nth) {
    records_.InjectFault(nth, Fault::kBusy);
  }
  IngestBatch batch = BatchOf({MessageOf(3, "three")});
  EXPECT_EQ(Append(batch).code(), Code::kBusy);
}

TEST_F(MailStoreFault, AFullDiskIsReportedAndLaterAppendsSucceed) {
  records_.InjectFault(1, Fault::kDiskFull);
  IngestBatch batch = BatchOf({MessageOf(2, "two")});
  EXPECT_EQ(Append(batch).code(), Code::kDiskFull);
  EXPECT_EQ(batch.stored, 0U);
  EXPECT_TRUE(Append(batch).ok());
  files_.SetFreeBytes(0);
  IngestBatch third = BatchOf({MessageOf(3, "three")});
  EXPECT_EQ(Append(third).code(), Code::kDiskFull);
  EXPECT_EQ(Append(third).code(), Code::kDiskFull);
  files_.SetFreeBytes(uint64_t{1} << 40);
  EXPECT_TRUE(Append(third).ok());
  EXPECT_EQ(third.stored, 1U);
  ExpectStored({"before", "two", "three"});
}

TEST_F(MailStoreFault, AnUnknownOutcomeIsReportedAndTheSameBatchMayComeAgain) {
  for (const Fault fault : {Fault::kUnknownApplied, Fault::kUnknownLost}) {
    const auto uid = static_cast<Uid>(Inbox().messages + 1);
    records_.InjectFault(1, fault);
    IngestBatch batch = BatchOf({MessageOf(uid, std::to_string(uid))});
    EXPECT_EQ(Append(batch).code(), Code::kUnknownOutcome);
    EXPECT_EQ(batch.stored, 0U);
    ASSERT_TRUE(Append(batch).ok());
    EXPECT_EQ(batch.duplicates, fault == Fault::kUnknownApplied ? 1U : 0U);
    EXPECT_EQ(batch.stored, fault == Fault::kUnknownApplied ? 0U : 1U);
  }
  ExpectStored({"before", "2", "3"});
}

TEST_F(MailStoreFault, AFencedShardIsReportedAsSuch) {
  records_.SetEpoch(mailbox_.shard(), 1);
  IngestBatch batch = BatchOf({MessageOf(2, "two")});
  EXPECT_EQ(Append(batch).code(), Code::kFenced);
  EXPECT_EQ(batch.stored, 0U);
}

TEST_F(MailStoreFault, AfterADiskErrorInTheLogNothingIsAcknowledged) {
  records_.InjectFault(1, Fault::kIo);
  IngestBatch batch = BatchOf({MessageOf(2, "two")});
  EXPECT_EQ(Append(batch).code(), Code::kIo);
  EXPECT_EQ(Append(batch).code(), Code::kIo);
  EXPECT_EQ(store_->EnsureTenant("new").status().code(), Code::kIo);
  EXPECT_EQ(store_->SaveMailboxCheck(store_->GetMailbox(mailbox_).value()).code(), Code::kIo);
  Reopen();
  EXPECT_TRUE(Append(batch).ok());
}

TEST_F(MailStoreFault, AfterAFailedSyncOfBodiesNothingIsAcknowledged) {
  files_.FailSync(1, Status(Code::kIo, "injected"));
  IngestBatch batch = BatchOf({MessageOf(2, "two")});
  EXPECT_EQ(Append(batch).code(), Code::kIo);
  IngestBatch known = BatchOf({MessageOf(3, "before")});  // Needs no new body.
  EXPECT_EQ(Append(known).code(), Code::kIo);
  Reopen();
  EXPECT_TRUE(Append(batch).ok());
  ExpectStored({"before", "two"});
}

TEST_F(MailStoreFault, AFullDiskInTheMiddleOfManyBodiesLosesNothingAcknowledged) {
  std::vector<IngestMessage> messages;
  for (Uid uid = 2; uid <= 30; ++uid) {
    std::string body(1 << 20, '\0');  // Of bytes that cannot be compressed.
    SeededRandom(uid).Fill({reinterpret_cast<unsigned char*>(body.data()), body.size()});
    messages.push_back(MessageOf(uid, body));
  }
  files_.FailWrite(3, Status(Code::kDiskFull, "injected"));
  IngestBatch batch = BatchOf(messages);
  EXPECT_EQ(Append(batch).code(), Code::kDiskFull);
  EXPECT_EQ(ListMailbox().size(), 1U);
  ASSERT_TRUE(Append(batch).ok());
  EXPECT_EQ(batch.stored, 29U);
  for (const StoredMessage& message : ListMailbox()) {
    EXPECT_EQ(ComputeSha256(RawOf(message)), message.sha256);
  }
}

TEST_F(MailStoreFault, AFailureInALaterRoundKeepsWhatWasDoneAndCountsIt) {
  MessageContent large;
  for (int i = 0; i < 3000; ++i) {
    large.to.push_back({.name = "Somebody " + std::to_string(i), .email = "somebody@x.example"});
  }
  std::vector<IngestMessage> messages;
  for (Uid uid = 2; uid <= 61; ++uid) {
    messages.push_back(MessageOf(uid, "body " + std::to_string(uid)));
    messages.back().content = EncodeContent(large);
  }
  records_.InjectFault(2, Fault::kUnknownLost);
  IngestBatch batch = BatchOf(messages);
  EXPECT_EQ(Append(batch).code(), Code::kUnknownOutcome);
  const uint32_t first = batch.stored;
  EXPECT_GT(first, 0U);
  EXPECT_LT(first, 60U);
  ASSERT_TRUE(Append(batch).ok());
  EXPECT_EQ(batch.duplicates, first);
  EXPECT_EQ(batch.stored, 60 - first);
  EXPECT_EQ(Inbox().messages, 61U);
}

TEST_F(MailStoreFault, AVanishedBlobReferenceIsWrittenAgain) {
  // A reclaimer deletes the reference between the reading of it and the commit: the commit's
  // expectation fails, and the body is stored anew.
  class Reclaiming final : public KeyValueStore {
   public:
    Reclaiming(MemoryKeyValueStore& inner, std::string key) : inner_(inner), key_(std::move(key)) {}
    Result<std::optional<std::string>> Get(std::string_view key) override {
      return inner_.Get(key);
    }
    Result<bool> Scan(
        const ScanRequest& request,
        const std::function<bool(std::string_view, std::string_view)>& visit) override {
      return inner_.Scan(request, visit);
    }
    void Commit(std::span<const Batch> batches, std::span<Outcome> outcomes) override {
      if (!done_) {
        done_ = true;
        inner_.Tamper(key_, std::nullopt);
      }
      inner_.Commit(batches, outcomes);
    }

   private:
    MemoryKeyValueStore& inner_;
    const std::string key_;
    bool done_ = false;
  };
  const Sha256 hash = ComputeSha256("before");
  std::string key("\x0d", 1);
  key += static_cast<char>(mailbox_.shard() >> 8);
  key += static_cast<char>(mailbox_.shard() & 0xFF);
  key += std::string("\0\0\0", 3) + static_cast<char>(tenant_.value);
  key.append(hash.begin(), hash.end());
  ASSERT_TRUE(records_.Get(key)->has_value());
  Reclaiming reclaiming(records_, key);
  store_ = MailStore::Open(reclaiming, *blobs_, clock_).value();
  const IngestBatch batch = AppendOk({MessageOf(2, "before")});
  EXPECT_EQ(batch.stored, 1U);
  EXPECT_EQ(batch.bytes_stored, 6U);
  Reopen();
  ExpectStored({"before", "before"});
}

}  // namespace
}  // namespace mailhaul::store
