// In what order a busy arena takes up what sessions have brought.
#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <string>

#include "base/memory_budget.h"
#include "connectors/net/virtual_loop.h"
#include "engine/mime/message_parser.h"
#include "engine/pipeline/ingest_sink.h"
#include "store/memory_key_value_store.h"
#include "tests/store/mail_store_fixture.h"

namespace mailhaul::pipeline {
namespace {

// Does what it is told one by one, urgent work first.
class StepPool final : public WorkPool {
 public:
  void Submit(std::function<void()> work) override { ordinary_.push_back(std::move(work)); }
  void SubmitUrgent(std::function<void()> work) override { urgent_.push_back(std::move(work)); }
  bool RunOne() {
    std::deque<std::function<void()>>& queue = urgent_.empty() ? ordinary_ : urgent_;
    if (queue.empty()) {
      return false;
    }
    const std::function<void()> work = std::move(queue.front());
    queue.pop_front();
    work();
    return true;
  }

 private:
  std::deque<std::function<void()>> urgent_;
  std::deque<std::function<void()>> ordinary_;
};

class IngestOrderTest : public ::testing::Test {
 protected:
  IngestOrderTest() {
    mime::Initialize();
    mailbox_ =
        store_->EnsureMailbox(store_->EnsureTenant("acme").value(), "alice", "a@acme.example")
            .value();
    context_ = std::unique_ptr<Context>(
        new Context{*store_, committer_, cpu_, reads_, budget_, clock_, progress_});
  }

  std::unique_ptr<IngestSink> MakeSink(const std::string& folder, bool urgent) {
    return std::make_unique<IngestSink>(
        *context_, mailbox_, store_->EnsureFolder(mailbox_, folder, "").value(), 1, urgent);
  }
  static net::Task<void> Give(IngestSink& sink, Uid uid, size_t size) {
    std::string body = "Subject: " + std::to_string(uid) + "\r\n\r\n";
    body.resize(size, 'x');
    MessageMeta meta;
    meta.uid = uid;
    meta.size = body.size();
    EXPECT_TRUE(sink.TryReserve({&meta, 1}));
    const Status begun = co_await sink.BeginBody(meta, body.size());
    EXPECT_TRUE(begun.ok());
    const Status taken = co_await sink.AppendBody(body);
    EXPECT_TRUE(taken.ok());
    const Status ended = co_await sink.EndBody();
    EXPECT_TRUE(ended.ok());
  }
  static net::Task<void> Drain(IngestSink& sink, bool& drained) {
    const Status done = co_await sink.Drain();
    EXPECT_TRUE(done.ok()) << done.ToString();
    drained = true;
  }

  net::VirtualClock clock_{WallTime(std::chrono::seconds(1'790'000'000))};
  net::VirtualLoop loop_{clock_};
  store::MemoryKeyValueStore records_;
  store::MemoryFileSystem files_;
  std::unique_ptr<store::BlobStore> blobs_ =
      store::BlobStore::Open(files_, {.directory = "/blobs"}).value();
  std::unique_ptr<store::MailStore> store_ =
      store::MailStore::Open(records_, *blobs_, clock_).value();
  MailboxId mailbox_;
  LoopCommitter committer_{*store_, loop_, Duration(0)};
  StepPool cpu_;
  InlineWorkPool reads_;
  MemoryBudget budget_{size_t{16} << 20};
  Progress progress_;
  std::unique_ptr<Context> context_;
};

// New mail must not wait until all of the backfill is parsed that other sessions have brought.
TEST_F(IngestOrderTest, NewMailGoesBeforeTheBackfillThatWaits) {
  constexpr Uid kBackfill = 5;
  for (const size_t size : {size_t{100}, size_t{3'000'000}}) {
    std::unique_ptr<IngestSink> backfill;
    std::unique_ptr<IngestSink> check;
    net::TaskGroup tasks;
    bool backfill_drained = false;
    bool check_drained = false;
    const std::string folder = std::to_string(size);
    loop_.Post([&] {
      backfill = MakeSink(folder + " old", /*urgent=*/false);
      check = MakeSink(folder + " new", /*urgent=*/true);
      for (Uid uid = 1; uid <= kBackfill; ++uid) {
        tasks.Spawn(Give(*backfill, uid, 100));
      }
      tasks.Spawn(Give(*check, 1, size));
    });
    loop_.RunDue();
    loop_.Post([&] { tasks.Spawn(Drain(*check, check_drained)); });
    for (loop_.RunDue(); !check_drained && cpu_.RunOne(); loop_.RunDue()) {
    }
    EXPECT_TRUE(check_drained);
    EXPECT_EQ(check->stats().stored, 1U);
    EXPECT_EQ(backfill->stats().stored, 0U);

    loop_.Post([&] { tasks.Spawn(Drain(*backfill, backfill_drained)); });
    for (loop_.RunDue(); cpu_.RunOne(); loop_.RunDue()) {
    }
    EXPECT_TRUE(backfill_drained);
    EXPECT_EQ(backfill->stats().stored, kBackfill);
  }
}

}  // namespace
}  // namespace mailhaul::pipeline
