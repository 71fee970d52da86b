// Bodies of all sizes arrive on several loops at once and go through the real arena and committer
// to a real disk. Chiefly for ThreadSanitizer.
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "base/memory_budget.h"
#include "base/random.h"
#include "connectors/net/uv_loop.h"
#include "engine/mime/message_parser.h"
#include "engine/pipeline/blocking_pool.h"
#include "engine/pipeline/ingest_sink.h"
#include "engine/pipeline/tbb_work_pool.h"
#include "store/rocksdb_store.h"
#include "tests/store/expect_sound.h"
#include "tests/store/mail_store_fixture.h"
#include "tests/store/temporary_directory.h"

namespace mailhaul::pipeline {
namespace {

constexpr int kLoops = 2;
constexpr store::FolderId kFoldersOfALoop = 2;
constexpr Uid kMessages = 60;  // Of a folder.
constexpr Uid kLargeEvery = 12;
constexpr Uid kGivenUpEvery = 10;
constexpr Uid kOfUnknownSizeEvery = 7;
constexpr Uid kSameEvery = 5;                      // In all folders.
constexpr size_t kBudgetBytes = size_t{12} << 20;  // Sessions wait for it.
constexpr uint64_t kChunkBytesMax = uint64_t{300} << 10;

std::string BodyOf(store::FolderId folder, Uid uid) {
  SeededRandom random(uid % kSameEvery == 0 ? uid : folder * 1000 + uid);
  std::string body = "Subject: " + std::to_string(uid) + "\r\n\r\n";
  const size_t size = uid % kLargeEvery == 0 ? kStreamBytes + 1 + random.Below(2'500'000)
                                             : 100 + random.Below(60'000);
  while (body.size() < size) {
    body += FormatId(random.NextU64()) + (random.Chance(1, 2) ? "\r\n" : " words and words ");
  }
  return body;
}

bool IsGivenUp(Uid uid) { return uid % kGivenUpEvery == kGivenUpEvery - 1; }

class IngestThreadsTest : public ::testing::Test {
 protected:
  IngestThreadsTest() {
    mime::Initialize();
    records_ = store::OpenRocksDb(directory_.path() + "/records", {}).value();
    blobs_ = store::BlobStore::Open(files_, {.directory = directory_.path() + "/blobs"}).value();
    store_ = store::MailStore::Open(*records_, *blobs_, clock_).value();
    tenant_ = store_->EnsureTenant("acme").value();
    mailbox_ = store_->EnsureMailbox(tenant_, "alice", "a@acme.example").value();
  }

  // What a session does with what a server sends.
  net::Task<void> Fetch(Context& context, store::FolderId folder) {
    IngestSink sink(context, mailbox_, folder, 1, /*urgent=*/folder % 2 == 0);
    SeededRandom random(folder);
    for (Uid uid = 1; uid <= kMessages; ++uid) {
      const std::string body = BodyOf(folder, uid);
      std::vector<MessageMeta> meta(1);
      meta[0].uid = uid;
      meta[0].size = body.size();
      const Status reserved = co_await sink.Reserve(meta);
      EXPECT_TRUE(reserved.ok()) << reserved.ToString();
      const bool sized = uid % kOfUnknownSizeEvery != 0;
      const Status begun =
          co_await sink.BeginBody(meta[0], sized ? std::optional(body.size()) : std::nullopt);
      EXPECT_TRUE(begun.ok()) << begun.ToString();
      std::string_view left = body;
      left = left.substr(0, IsGivenUp(uid) ? left.size() / 2 : left.size());
      while (!left.empty()) {
        const std::string_view chunk = left.substr(0, 1 + random.Below(kChunkBytesMax));
        left.remove_prefix(chunk.size());
        const Status taken = co_await sink.AppendBody(chunk);
        EXPECT_TRUE(taken.ok()) << taken.ToString();
      }
      if (IsGivenUp(uid)) {
        sink.NoBody(meta[0], Status(Code::kNotFound, "gone"));
        continue;
      }
      const Status ended = co_await sink.EndBody();
      EXPECT_TRUE(ended.ok()) << ended.ToString();
    }
    const Status drained = co_await sink.Drain();
    EXPECT_TRUE(drained.ok()) << drained.ToString();
    EXPECT_EQ(sink.stats().stored, kMessages - kMessages / kGivenUpEvery);
  }
  net::Task<void> FetchAll(Context& context, int loop, net::UvLoop& stopped) {
    net::TaskGroup sessions;
    for (store::FolderId i = 0; i < kFoldersOfALoop; ++i) {
      sessions.Spawn(Fetch(context, folders_[static_cast<size_t>(loop) * kFoldersOfALoop + i]));
    }
    co_await sessions.Drain();
    stopped.Stop();
  }

  void Run(MemoryBudget& budget) {
    Progress progress;
    std::vector<std::unique_ptr<net::UvLoop>> loops;
    for (int i = 0; i < kLoops; ++i) {
      loops.push_back(std::make_unique<net::UvLoop>());
    }
    BlockingPool reads(1);
    ThreadCommitter committer(*store_);
    TbbWorkPool cpu(2);
    Context context{*store_, committer, cpu, reads, budget, clock_, progress};
    std::vector<std::thread> threads;
    for (int i = 0; i < kLoops; ++i) {
      threads.emplace_back([this, i, &context, &loop = *loops[static_cast<size_t>(i)]] {
        net::TaskGroup all;
        loop.Post([&] { all.Spawn(FetchAll(context, i, loop)); });
        loop.Run();
      });
    }
    for (std::thread& thread : threads) {
      thread.join();
    }
    for (const auto& loop : loops) {
      loop->Close();
    }
  }

  void ExpectWhole(store::FolderId folder) {
    store::MessageQuery query;
    query.tenant = tenant_;
    query.mailbox = mailbox_;
    query.folder = folder;
    query.limit = kMessages;
    const store::MessagePage page = store_->ListMessages(query).value();
    std::map<Uid, std::string> bodies;
    for (const store::StoredMessage& message : page.items) {
      bodies[message.uid] = store::ReadAll(*store_->OpenRaw(message).value());
    }
    EXPECT_EQ(bodies.size(), page.items.size());
    for (Uid uid = 1; uid <= kMessages; ++uid) {
      ASSERT_EQ(bodies.contains(uid), !IsGivenUp(uid)) << uid;
      EXPECT_TRUE(IsGivenUp(uid) || bodies[uid] == BodyOf(folder, uid)) << uid;
    }
  }

  store::TemporaryDirectory directory_;
  store::PosixFileSystem files_;
  SystemClock clock_;
  std::unique_ptr<store::EmbeddedStore> records_;
  std::unique_ptr<store::BlobStore> blobs_;
  std::unique_ptr<store::MailStore> store_;
  TenantId tenant_;
  MailboxId mailbox_;
  std::vector<store::FolderId> folders_;
};

TEST_F(IngestThreadsTest, EveryBodyArrivesWholeAndOnce) {
  for (store::FolderId i = 0; i < kLoops * kFoldersOfALoop; ++i) {
    folders_.push_back(store_->EnsureFolder(mailbox_, "folder " + std::to_string(i), "").value());
  }
  MemoryBudget budget(kBudgetBytes);
  Run(budget);
  EXPECT_EQ(budget.bytes_taken(), 0U);
  for (const store::FolderId folder : folders_) {
    ExpectWhole(folder);
  }
  store_.reset();
  store::ExpectSound(*records_, files_, directory_.path() + "/blobs");
}

}  // namespace
}  // namespace mailhaul::pipeline
