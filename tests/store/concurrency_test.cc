// Mail arrives, is read, deleted, reclaimed and backed up at the same time, on a real disk, with
// table files written and compacted all along. Chiefly for ThreadSanitizer.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <future>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/random.h"
#include "store/mail_store.h"
#include "store/rocksdb_store.h"
#include "store/segment.h"
#include "tests/store/expect_sound.h"
#include "tests/store/mail_store_fixture.h"
#include "tests/store/power_store.h"
#include "tests/store/temporary_directory.h"

namespace mailhaul::store {
namespace {

constexpr Uid kRounds = 120;
constexpr Uid kMessagesARound = 8;
constexpr Uid kKeptEvery = 3;  // So few that segments are emptied, and deleted.
constexpr int kReaders = 2;
constexpr int kBackupsMax = 4;
constexpr size_t kPartBytes = size_t{64} << 10;
constexpr std::chrono::minutes kGrace{20};

// Whatever the store says of a UID can be compared with this.
std::string BodyOf(Uid uid) {
  SeededRandom random(uid);
  std::string body = "Subject: " + std::to_string(uid) + "\r\n\r\n";
  const size_t size = uid % 40 == 0 ? 300'000 : 500 + random.Below(12'000);
  while (body.size() < size) {
    body += FormatId(random.NextU64()) + (random.Chance(1, 2) ? "\r\n" : " words and words ");
  }
  return body;
}

class ConcurrencyTest : public ::testing::Test {
 protected:
  ConcurrencyTest() {
    records_ =
        OpenRocksDb(directory_.path() + "/records", {.write_buffers_bytes = 1 << 20}).value();
    blobs_ = BlobStore::Open(
                 files_, {.directory = directory_.path() + "/blobs", .segment_bytes_max = 1 << 19})
                 .value();
    store_ = MailStore::Open(*records_, *blobs_, clock_).value();
    tenant_ = store_->EnsureTenant("acme").value();
    mailbox_ = store_->EnsureMailbox(tenant_, "alice", "alice@acme.example").value();
    inbox_ = store_->EnsureFolder(mailbox_, "INBOX", "inbox").value();
  }

  // The committer's thread. The bodies of the next round arrive meanwhile.
  void Write() {
    std::future<std::vector<IngestMessage>> next = Arrive(0);
    for (Uid round = 0; round < kRounds; ++round) {
      IngestBatch batch;
      batch.mailbox = mailbox_;
      batch.folder = inbox_;
      batch.uid_validity = 1;
      batch.messages = next.get();
      next = Arrive(round + 1);
      IngestBatch* const one = &batch;
      store_->Append({&one, 1});
      ASSERT_TRUE(batch.status.ok()) << batch.status.ToString();
      ASSERT_EQ(batch.stored, kMessagesARound);
      acknowledged_ = (round + 1) * kMessagesARound;
      DeleteSome();
      clock_.Advance(std::chrono::minutes(1));
      Reclaim();
    }
  }

  std::future<std::vector<IngestMessage>> Arrive(Uid round) {
    return std::async(std::launch::async, [this, round] {
      std::vector<IngestMessage> messages;
      for (Uid i = 1; i <= kMessagesARound; ++i) {
        messages.push_back(Arrival(round * kMessagesARound + i));
      }
      return messages;
    });
  }

  IngestMessage Arrival(Uid uid) {
    const std::string body = BodyOf(uid);
    IngestMessage message = MessageOf(uid, body);
    if (body.size() > kPartBytes) {
      const std::unique_ptr<BlobStore::Writer> writer = blobs_->Begin(body.size()).value();
      for (size_t at = 0; at < body.size(); at += kPartBytes) {
        EXPECT_TRUE(writer->Append(std::string_view(body).substr(at, kPartBytes)).ok());
      }
      message.streamed = writer->Finish().value();
      message.body.clear();
      message.compressed = false;
    }
    return message;
  }

  void DeleteSome() {
    for (const StoredMessage& message : Newest(kMessagesARound)) {
      if (message.uid % kKeptEvery != 0) {
        const Status status = store_->DeleteMessage(message.id, nullptr);
        EXPECT_TRUE(status.ok()) << status.ToString();
        deleted_.fetch_add(1);
      }
    }
  }

  bool Reclaim() {
    const std::unique_lock alone(copying_, std::try_to_lock);
    const Result<bool> more = store_->ReclaimBodies(
        {.grace = kGrace, .may_begin = true, .may_delete = alone.owns_lock()});
    EXPECT_TRUE(more.ok()) << more.status().ToString();
    return more.ok() && *more;
  }
  // However long a backup may have kept segments.
  void ReclaimRest() {
    for (int pass = 0; pass < 3; ++pass) {
      while (Reclaim()) {
      }
      clock_.Advance(kGrace);
    }
  }

  std::vector<StoredMessage> Newest(size_t count) const {
    MessageQuery query;
    query.tenant = tenant_;
    query.mailbox = mailbox_;
    query.limit = count;
    Result<MessagePage> page = store_->ListMessages(query);
    EXPECT_TRUE(page.ok()) << page.status().ToString();
    return page.ok() ? std::move(page->items) : std::vector<StoredMessage>();
  }

  // Until everything has been written.
  void Read(uint64_t seed) {
    SeededRandom random(seed);
    for (bool last = false; !last;) {
      last = acknowledged_ == kRounds * kMessagesARound;
      const std::vector<StoredMessage> items = Newest(50);
      EXPECT_TRUE(std::is_sorted(items.begin(), items.end(), [](const auto& a, const auto& b) {
        return a.internal_date > b.internal_date;
      }));
      for (int i = 0; i < 5 && !items.empty(); ++i) {
        CompareBody(items[static_cast<size_t>(random.Below(items.size()))]);
      }
    }
  }

  void CompareBody(const StoredMessage& message) const {
    for (int attempt = 0;; ++attempt) {
      const Result<std::unique_ptr<ByteSource>> source = store_->OpenRaw(message);
      if (source.ok()) {
        EXPECT_TRUE(ReadAll(**source) == BodyOf(message.uid));
        return;
      }
      // Deleted since, or moved while this thread stood still for longer than the grace.
      if (store_->GetMessage(message.id).status().code() == Code::kNotFound) {
        return;
      }
      ASSERT_LT(attempt, 5) << source.status().ToString();
    }
  }

  // Sees each message arrive once, and go once.
  void Follow() {
    std::set<MessageId> created;
    uint64_t gone = 0;
    ChangePosition position = store_->StartOfChanges(tenant_).value();
    for (bool last = false; !last;) {
      last = written_;
      for (bool more = true; more;) {
        const Result<ChangePage> page = store_->ListChanges(tenant_, position, 100);
        ASSERT_TRUE(page.ok()) << page.status().ToString();
        for (const Change& change : page->changes) {
          if (change.entry.type == ChangeEntry::Type::kMessageCreated) {
            EXPECT_TRUE(created.insert(change.entry.message).second);
          }
          gone += change.entry.type == ChangeEntry::Type::kMessageDeleted ? 1 : 0;
        }
        position = page->position;
        more = page->more;
      }
    }
    EXPECT_EQ(created.size(), kRounds * kMessagesARound);
    EXPECT_EQ(gone, deleted_.load());
  }

  void BackUp(int number) {
    const std::string copy = directory_.path() + "/copy" + std::to_string(number);
    std::filesystem::create_directory(copy);
    const uint64_t before = acknowledged_;
    {
      const std::scoped_lock alone(copying_);
      ASSERT_TRUE(records_->Checkpoint(copy + "/records").ok());
      std::filesystem::copy(directory_.path() + "/blobs", copy + "/blobs");
    }
    const auto records = OpenRocksDbReadOnly(copy + "/records").value();
    ExpectSound(*records, files_, copy + "/blobs");
    const auto blobs = BlobStore::Open(files_, {.directory = copy + "/blobs"}).value();
    const auto store = MailStore::Open(*records, *blobs, clock_, MailStore::Access::kRead).value();
    EXPECT_GE(store->GetMailbox(mailbox_)->messages + deleted_, before);
  }

  // Some were deleted: the numbers go up to that of the last one.
  bool SegmentsWereReclaimed() {
    const std::vector<std::string> names = files_.List(directory_.path() + "/blobs").value();
    return names.size() < ParseSegmentName(*std::max_element(names.begin(), names.end()));
  }

  TemporaryDirectory directory_;
  PosixFileSystem files_;
  DiskClock clock_;
  std::unique_ptr<EmbeddedStore> records_;
  std::unique_ptr<BlobStore> blobs_;
  std::unique_ptr<MailStore> store_;
  TenantId tenant_;
  MailboxId mailbox_;
  FolderId inbox_ = 0;
  std::mutex copying_;  // Held while segments must not be deleted.
  std::atomic<uint64_t> acknowledged_{0};
  std::atomic<uint64_t> deleted_{0};
  std::atomic<bool> written_{false};
};

TEST_F(ConcurrencyTest, EveryoneSeesWholeMailWhileItComesAndGoes) {
  std::vector<std::thread> threads;
  for (uint64_t seed = 0; seed < kReaders; ++seed) {
    threads.emplace_back([this, seed] { Read(seed); });
  }
  threads.emplace_back([this] { Follow(); });
  threads.emplace_back([this] {
    for (int number = 0; number < kBackupsMax && !written_; ++number) {
      BackUp(number);
    }
  });
  Write();
  written_ = true;
  acknowledged_ = kRounds * kMessagesARound;  // Also after a failure: readers end.
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(store_->GetMailbox(mailbox_)->messages + deleted_, kRounds * kMessagesARound);
  ReclaimRest();
  EXPECT_TRUE(SegmentsWereReclaimed());
  store_.reset();
  ExpectSound(*records_, files_, directory_.path() + "/blobs");
}

}  // namespace
}  // namespace mailhaul::store
