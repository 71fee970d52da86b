// What full text indexing costs: ingest beside it against ingest alone, in turns in one run, and
// how fast it is and answers when nothing else happens.
#include <benchmark/benchmark.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "engine/mime/message_parser.h"
#include "engine/search/index_set.h"
#include "engine/search/index_thread.h"
#include "engine/search/indexer.h"
#include "engine/search/searcher.h"
#include "store/mail_store.h"
#include "store/rocksdb_store.h"

namespace mailhaul::search {
namespace {

constexpr size_t kWordsPerMessage = 600;
constexpr size_t kMessagesPerBatch = 32;
constexpr size_t kBatchesPerTurn = 30;
constexpr uint64_t kVocabulary = 200'000;

// Below the working directory: the disk the program runs on, not a memory file system.
class BenchStore final {
 public:
  BenchStore() {
    MH_CHECK(::mkdtemp(path_.data()) != nullptr);
    mime::Initialize();
    records_ = store::OpenRocksDb(path_ + "/records", {}).value();
    blobs_ = store::BlobStore::Open(files_, {.directory = path_ + "/blobs"}).value();
    store_ = store::MailStore::Open(*records_, *blobs_, clock_).value();
    tenant_ = store_->EnsureTenant("bench").value();
    mailbox_ = store_->EnsureMailbox(tenant_, "bench", "bench@x.example").value();
    inbox_ = store_->EnsureFolder(mailbox_, "INBOX", "inbox").value();
  }
  ~BenchStore() {
    store_.reset();
    blobs_.reset();
    records_.reset();
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  BenchStore(const BenchStore&) = delete;
  BenchStore& operator=(const BenchStore&) = delete;

  // Parses and stores one turn's messages, as one session's thread and the committer would.
  void Ingest() {
    for (size_t i = 0; i < kBatchesPerTurn; ++i) {
      store::IngestBatch batch;
      batch.mailbox = mailbox_;
      batch.folder = inbox_;
      batch.uid_validity = 1;
      for (size_t j = 0; j < kMessagesPerBatch; ++j) {
        batch.messages.push_back(MakeMessage());
      }
      store::IngestBatch* const one = &batch;
      store_->Append({&one, 1});
      MH_CHECK(batch.status.ok());
      ingested_ += kMessagesPerBatch;
    }
  }

  std::string path_ = "./mailhaul-bench-XXXXXX";
  store::PosixFileSystem files_;
  SystemClock clock_;
  std::unique_ptr<store::KeyValueStore> records_;
  std::unique_ptr<store::BlobStore> blobs_;
  std::unique_ptr<store::MailStore> store_;
  TenantId tenant_;
  MailboxId mailbox_;
  store::FolderId inbox_ = 0;
  std::atomic<uint64_t> ingested_{0};

 private:
  std::string Word() {
    // Low numbers far more often than high ones, as words are.
    const uint64_t bound = 1 + random_.Below(kVocabulary);
    return "word" + std::to_string(random_.Below(bound));
  }

  store::IngestMessage MakeMessage() {
    store::IngestMessage message;
    message.uid = ++last_uid_;
    message.internal_date = WallTime(std::chrono::seconds(1'700'000'000 + last_uid_));
    message.body = "From: a@b.example\r\nSubject: " + Word() + " " + Word() + "\r\n\r\n";
    for (size_t i = 0; i < kWordsPerMessage; ++i) {
      message.body += Word() + (i % 12 == 11 ? "\r\n" : " ");
    }
    message.size = message.body.size();
    message.sha256 = store::ComputeSha256(message.body);
    const mime::ParsedMessage parsed = mime::ParseMessage(MemoryByteSource(message.body));
    store::MessageContent content;
    content.subject = parsed.subject;
    content.preview = parsed.preview;
    message.content = store::EncodeContent(content);
    message.thread = message.uid;
    return message;
  }

  SeededRandom random_{1};
  Uid last_uid_ = 0;
};

// `slowdown`: seconds beside indexing over seconds alone; the goal is 1.1 at most.
void BM_IngestBesideIndexing(benchmark::State& state) {
  BenchStore bench;
  IndexSet indexes(bench.path_ + "/text", {});
  Indexer indexer(*bench.store_, bench.files_, bench.clock_, indexes);
  bench.Ingest();
  Duration alone{};
  Duration beside{};
  for (auto _ : state) {
    const TimePoint begin = bench.clock_.Now();
    bench.Ingest();
    const TimePoint middle = bench.clock_.Now();
    {
      const IndexThread thread(indexer, *bench.store_, bench.clock_, {"bench"},
                               [&bench] { return bench.ingested_.load(); });
      const TimePoint started = bench.clock_.Now();
      bench.Ingest();
      beside += bench.clock_.Now() - started;
    }
    alone += middle - begin;
  }
  const auto turn = static_cast<double>(kBatchesPerTurn * kMessagesPerBatch);
  const double turns = static_cast<double>(state.iterations());
  state.counters["slowdown"] =
      std::chrono::duration<double>(beside) / std::chrono::duration<double>(alone);
  state.counters["ingested/s"] = turns * turn / std::chrono::duration<double>(alone).count();
  state.counters["indexed_beside/s"] =
      static_cast<double>(indexer.stats().messages) / std::chrono::duration<double>(beside).count();
}
BENCHMARK(BM_IngestBesideIndexing)->Iterations(20)->Unit(benchmark::kMillisecond)->UseRealTime();

void IndexAll(BenchStore& bench, Indexer& indexer) {
  Result<bool> more = true;
  while (more.ok() && *more) {
    more = indexer.Step(bench.tenant_);
  }
  MH_CHECK(more.ok());
}

// From nothing, alone. `index_share`: bytes of the file for a byte of mail.
void BM_Index(benchmark::State& state) {
  BenchStore bench;
  for (int turn = 0; turn < 4; ++turn) {
    bench.Ingest();
  }
  uint64_t messages = 0;
  for (auto _ : state) {
    std::filesystem::remove_all(bench.path_ + "/text");
    IndexSet indexes(bench.path_ + "/text", {});
    Indexer indexer(*bench.store_, bench.files_, bench.clock_, indexes);
    IndexAll(bench, indexer);
    messages += indexer.stats().messages;
  }
  uint64_t bytes = 0;
  for (const auto& entry : std::filesystem::directory_iterator(bench.path_ + "/text")) {
    bytes += entry.file_size();
  }
  state.counters["index_share"] =
      static_cast<double>(bytes) / static_cast<double>(bench.store_->stats().blob_bytes);
  state.counters["messages/s"] =
      benchmark::Counter(static_cast<double>(messages), benchmark::Counter::kIsRate);
}
BENCHMARK(BM_Index)->Iterations(3)->Unit(benchmark::kMillisecond)->UseRealTime();

// The newest 100 with: a word of nearly all messages, two such words, a rare word.
void BM_Find(benchmark::State& state) {
  BenchStore bench;
  for (int turn = 0; turn < 10; ++turn) {
    bench.Ingest();
  }
  IndexSet indexes(bench.path_ + "/text", {});
  Indexer indexer(*bench.store_, bench.files_, bench.clock_, indexes);
  IndexAll(bench, indexer);
  const Searcher searcher(*bench.store_, bench.clock_, indexes);
  Search search;
  search.tenant = bench.tenant_;
  search.text = state.range(0) == 0 ? "word1" : state.range(0) == 1 ? "word1 word2" : "word150000";
  size_t found = 0;
  for (auto _ : state) {
    found = searcher.Find(search).value().items.size();
  }
  state.counters["found"] = static_cast<double>(found);
  state.counters["messages"] = static_cast<double>(indexer.stats().messages);
}
BENCHMARK(BM_Find)->DenseRange(0, 2)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace mailhaul::search
