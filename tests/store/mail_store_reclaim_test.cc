#include <gtest/gtest.h>

#include <functional>

#include "store/key_layout.h"
#include "store/outbox.h"
#include "tests/store/expect_sound.h"
#include "tests/store/mail_store_fixture.h"

namespace mailhaul::store {
namespace {

constexpr Duration kGrace = std::chrono::minutes(10);

std::string Large(const std::string& name, size_t bytes = 50'000) {
  std::string body = name;
  while (body.size() < bytes) {
    body += "\r\n" + name + std::to_string(body.size());
  }
  return body;
}

class MailStoreReclaimTest : public MailStoreFixture {
 protected:
  void SetUp() override {
    MailStoreFixture::SetUp();
    Onboard();
  }
  void TearDown() override { ExpectSound(records_, files_, "/blobs"); }

  // A new segment begins.
  void NextSegment() { Reopen(); }

  void Delete(const std::string& body) {
    for (const StoredMessage& message : ListMailbox()) {
      if (message.sha256 == ComputeSha256(body)) {
        ASSERT_TRUE(store_->DeleteMessage(message.id, nullptr).ok());
        return;
      }
    }
    FAIL() << "no such message";
  }

  Status Reclaim(bool may_delete = true) {
    constexpr int kStepsMax = 100;
    for (int i = 0; i < kStepsMax; ++i) {
      const Result<bool> more =
          store_->ReclaimBodies({.grace = kGrace, .may_begin = true, .may_delete = may_delete});
      MH_RETURN_IF_ERROR(more.status());
      ExpectSound(records_, files_, "/blobs");
      if (!*more) {
        return Status::Ok();
      }
    }
    return {Code::kInternal, "it does not end"};
  }
  bool Exists(uint32_t segment) {
    return files_.Stat("/blobs/0000000" + std::to_string(segment) + ".seg").ok();
  }

  std::map<std::string, std::string> Bodies() {
    std::map<std::string, std::string> bodies;
    for (const StoredMessage& message : ListMailbox()) {
      bodies.emplace(message.content.subject, RawOf(message));
    }
    return bodies;
  }
};

TEST_F(MailStoreReclaimTest, ADeadSegmentGoesAfterTheGracePeriod) {
  AppendOk({MessageOf(1, "a"), MessageOf(2, "b")});
  NextSegment();
  AppendOk({MessageOf(3, "c")});
  NextSegment();
  AppendOk({MessageOf(4, "d")});
  Delete("a");
  Delete("b");
  ASSERT_TRUE(Reclaim().ok());
  EXPECT_TRUE(Exists(1));
  clock_.Advance(kGrace - Duration(1));
  ASSERT_TRUE(Reclaim().ok());
  EXPECT_TRUE(Exists(1));
  clock_.Advance(Duration(1));
  ASSERT_TRUE(Reclaim(/*may_delete=*/false).ok());
  EXPECT_TRUE(Exists(1));
  ASSERT_TRUE(Reclaim().ok());
  EXPECT_FALSE(Exists(1));
  EXPECT_TRUE(Exists(2));
  EXPECT_EQ(Bodies().size(), 2U);
  // Comes back: its bytes are stored again.
  AppendOk({MessageOf(9, "a")});
  EXPECT_EQ(RawOf(ListMailbox().front()), "a");
}

TEST_F(MailStoreReclaimTest, ARestartForgetsNothing) {
  AppendOk({MessageOf(1, "a")});
  NextSegment();
  AppendOk({MessageOf(2, "b")});
  Delete("a");
  ASSERT_TRUE(Reclaim().ok());
  Reopen();
  ASSERT_TRUE(Reclaim().ok());
  clock_.Advance(kGrace);
  ASSERT_TRUE(Reclaim().ok());
  EXPECT_FALSE(Exists(1));
}

TEST_F(MailStoreReclaimTest, TheLastSegmentsNumberIsNotGivenOutAgain) {
  AppendOk({MessageOf(1, "a")});
  Delete("a");
  Reopen();
  ASSERT_TRUE(Reclaim().ok());
  clock_.Advance(kGrace);
  ASSERT_TRUE(Reclaim().ok());
  EXPECT_TRUE(Exists(1));
}

TEST_F(MailStoreReclaimTest, BodiesMoveOutOfASegmentThatIsMostlyDead) {
  const std::string huge = Large("huge", 2'000'000);
  AppendOk({MessageOf(1, Large("dead")), MessageOf(2, Large("dead too")),
            MessageOf(3, Large("alive")), MessageOf(4, huge),
            MessageOf(5, Large("dead", 3'000'000))});
  NewSubmission request;
  request.mailbox = mailbox_;
  request.from = "a@acme.example";
  request.recipients = {"b@else.example"};
  request.body = "to be sent";
  request.sha256 = ComputeSha256(request.body);
  request.message_id = "<x@acme.example>";
  const SubmissionId submission = Outbox(*store_).Accept(request).value().submission.id;
  NextSegment();
  AppendOk({MessageOf(6, "later")});
  Delete(Large("dead"));
  Delete(Large("dead too"));
  Delete(Large("dead", 3'000'000));
  const std::map<std::string, std::string> before = Bodies();
  ASSERT_TRUE(Reclaim().ok());
  EXPECT_EQ(Bodies(), before);
  clock_.Advance(kGrace);
  ASSERT_TRUE(Reclaim().ok());
  EXPECT_FALSE(Exists(1));
  EXPECT_EQ(Bodies(), before);
  Reopen();
  EXPECT_EQ(Bodies(), before);
  const Submission stored = Outbox(*store_).Get(submission).value();
  EXPECT_EQ(ReadAll(*Outbox(*store_).OpenRaw(stored).value()), "to be sent");
}

// As stores from before there were frames have them; and once more from there.
TEST_F(MailStoreReclaimTest, ALargeBodyThatLiesAsItIsMovesIntoFrames) {
  const std::string text = Large("text", 2'500'000);
  AppendOk({MessageOf(1, text), MessageOf(2, Large("dead", 3'000'000))});
  NextSegment();
  AppendOk({MessageOf(3, "later")});
  Delete(Large("dead", 3'000'000));
  const std::map<std::string, std::string> before = Bodies();
  const uint64_t written = blobs_->bytes_written();
  ASSERT_TRUE(Reclaim().ok());
  EXPECT_LT(blobs_->bytes_written() - written, text.size() / 2);
  clock_.Advance(kGrace);
  ASSERT_TRUE(Reclaim().ok());
  EXPECT_FALSE(Exists(1));
  EXPECT_EQ(Bodies(), before);

  const auto stream = [this](Uid uid, const std::string& body) {
    IngestMessage message = MessageOf(uid, body);
    const auto writer = blobs_->Begin(body.size()).value();
    EXPECT_TRUE(writer->Append(body).ok());
    message.streamed = writer->Finish().value();
    EXPECT_GT(message.streamed->compressed, 0U);
    return message;
  };
  const std::string dead = Large("dead", 9'000'000);
  IngestMessage first = stream(4, dead);
  const uint32_t segment = first.streamed->location.segment;
  IngestMessage second = stream(6, Large("alive", 1'200'000));
  EXPECT_EQ(second.streamed->location.segment, segment);
  AppendOk({std::move(first), std::move(second)});
  NextSegment();
  AppendOk({MessageOf(5, "even later")});
  Delete(dead);
  const std::map<std::string, std::string> again = Bodies();
  ASSERT_TRUE(Reclaim().ok());
  clock_.Advance(kGrace);
  ASSERT_TRUE(Reclaim().ok());
  EXPECT_FALSE(Exists(segment));
  EXPECT_EQ(Bodies(), again);
}

TEST_F(MailStoreReclaimTest, ASegmentThatIsMostlyAliveStays) {
  AppendOk({MessageOf(1, Large("dead")), MessageOf(2, Large("alive")),
            MessageOf(3, Large("alive too"))});
  NextSegment();
  AppendOk({MessageOf(4, "later")});
  Delete(Large("dead"));
  const uint64_t written = blobs_->bytes_written();
  ASSERT_TRUE(Reclaim().ok());
  EXPECT_EQ(blobs_->bytes_written(), written);
  EXPECT_TRUE(Exists(1));
}

// A body that has arrived, but waits for its batch, is not dead.
TEST_F(MailStoreReclaimTest, ABodyOnItsWayKeepsItsSegment) {
  const std::string body = Large("on its way");
  IngestMessage message = MessageOf(1, body);
  std::unique_ptr<BlobStore::Writer> writer = blobs_->Begin(body.size()).value();
  ASSERT_TRUE(writer->Append(body).ok());
  message.streamed = writer->Finish().value();
  message.body.clear();
  writer.reset();
  ASSERT_TRUE(blobs_->Sync().ok());
  // Only what a restart would end is idle in this store, so the store above it is opened anew.
  store_.reset();
  Result<std::unique_ptr<BlobStore>> blobs = BlobStore::Open(files_, {.directory = "/blobs"});
  blobs_ = std::move(blobs).value();
  store_ = MailStore::Open(records_, *blobs_, clock_).value();
  AppendOk({MessageOf(2, "another segment")});
  ASSERT_TRUE(Reclaim().ok());  // Found dead.
  clock_.Advance(kGrace);
  IngestMessage again = message;
  AppendOk({std::move(message)});
  ASSERT_TRUE(Reclaim().ok());
  EXPECT_TRUE(Exists(1));
  EXPECT_EQ(RawOf(ListMailbox().at(1)), body);

  // And one that waited too long is refused.
  Delete(body);
  ASSERT_TRUE(store_->RemoveMailbox(mailbox_).ok());
  while (*store_->ContinueRemovals()) {
  }
  Onboard();
  AppendOk({MessageOf(2, "another segment")});
  ASSERT_TRUE(Reclaim().ok());
  clock_.Advance(kGrace);
  ASSERT_TRUE(Reclaim().ok());
  ASSERT_FALSE(Exists(1));
  IngestBatch late = BatchOf({std::move(again)});
  EXPECT_EQ(Append(late).code(), Code::kConflict);
}

TEST_F(MailStoreReclaimTest, NothingIsDeletedWhileAReferenceIsDamaged) {
  AppendOk({MessageOf(1, "a")});
  NextSegment();
  AppendOk({MessageOf(2, "b")});
  Delete("a");
  const std::string key = BlobKey(mailbox_.shard(), tenant_, ComputeSha256("b"));
  const std::string row = records_.Get(key).value().value();
  const auto put = [&](std::string value) {
    Batch batch;
    batch.shard = mailbox_.shard();
    batch.Put(key, std::move(value));
    Outcome outcome;
    records_.Commit({&batch, 1}, {&outcome, 1});
  };
  put("damaged");
  Result<bool> more = true;
  for (int i = 0; i < 5 && more.ok(); ++i) {
    more =
        store_->ReclaimBodies({.grace = Duration::zero(), .may_begin = true, .may_delete = true});
  }
  EXPECT_EQ(more.status().code(), Code::kCorrupt);
  EXPECT_TRUE(Exists(1));
  put(row);
}

// Lets somebody else write between a look and the commit that follows it.
class InterleavingStore final : public KeyValueStore {
 public:
  explicit InterleavingStore(MemoryKeyValueStore& base) : base_(base) {}
  std::function<void()> before_commit;

  Result<std::optional<std::string>> Get(std::string_view key) override { return base_.Get(key); }
  Result<bool> Scan(const ScanRequest& request,
                    const std::function<bool(std::string_view, std::string_view)>& visit) override {
    return base_.Scan(request, visit);
  }
  void Commit(std::span<const Batch> batches, std::span<Outcome> outcomes) override {
    if (const auto act = std::exchange(before_commit, nullptr)) {
      act();
    }
    base_.Commit(batches, outcomes);
  }

 private:
  MemoryKeyValueStore& base_;
};

TEST_F(MailStoreReclaimTest, AReferenceThatIsUsedAgainMeanwhileStaysWithItsBytes) {
  AppendOk({MessageOf(1, "a")});
  NextSegment();
  AppendOk({MessageOf(2, "b")});
  Delete("a");
  InterleavingStore between(records_);
  const std::unique_ptr<MailStore> other = MailStore::Open(between, *blobs_, clock_).value();
  between.before_commit = [this] { AppendOk({MessageOf(3, "a")}); };
  while (
      *other->ReclaimBodies({.grace = Duration::zero(), .may_begin = true, .may_delete = true})) {
  }
  EXPECT_FALSE(between.before_commit);
  ASSERT_TRUE(
      other->ReclaimBodies({.grace = Duration::zero(), .may_begin = true, .may_delete = true})
          .ok());
  EXPECT_TRUE(Exists(1));
  EXPECT_EQ(RawOf(ListMailbox().front()), "a");
}

}  // namespace
}  // namespace mailhaul::store
