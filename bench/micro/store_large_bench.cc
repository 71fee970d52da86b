// A store of a million messages: lists of its folders, and how long it takes to open.
//
// It stands for one of 50 GB: its rows are those of a million messages of 50 KB in a thousand
// mailboxes, but each body has 100 bytes, since bodies are not read when a store is opened or
// listed. What depends on their bytes, the number of segment files, is made up for by empty ones.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

#include "base/check.h"
#include "base/clock.h"
#include "base/random.h"
#include "bench/micro/many_messages.h"
#include "store/index_build.h"
#include "store/key_layout.h"
#include "store/mail_store.h"
#include "store/rocksdb_store.h"
#include "store/segment.h"

namespace mailhaul::store {
namespace {

constexpr size_t kMailboxes = 1000;
constexpr size_t kFolders = 10;
constexpr size_t kOldMessages = 100;  // The mailbox's oldest, in a folder of their own.
constexpr size_t kPerAppend = 5000;
constexpr size_t kBodyBytes = 100;
constexpr uint32_t kSegments = 200;  // 50 GB in files of 256 MiB.

// MAILHAUL_BENCH_MESSAGES: fewer, for a quick look.
size_t Messages() {
  const char* const value =
      std::getenv("MAILHAUL_BENCH_MESSAGES");  // NOLINT(concurrency-mt-unsafe)
  return value == nullptr ? 1'000'000 : std::strtoull(value, nullptr, 10);
}

class LargeStore final {
 public:
  LargeStore() {
    MH_CHECK(::mkdtemp(path_.data()) != nullptr);
    Open();
    tenant_ = store_->EnsureTenant("bench").value();
    std::vector<MailStore::NewMailbox> mailboxes(kMailboxes);
    for (size_t i = 0; i < kMailboxes; ++i) {
      mailboxes[i] = {.name = "m" + std::to_string(i), .address = "m@x.example"};
    }
    mailbox_ = store_->EnsureMailboxes(tenant_, mailboxes).value().front();
    for (size_t i = 0; i <= kFolders; ++i) {
      folders_.push_back(store_->EnsureFolder(mailbox_, "Folder " + std::to_string(i), "").value());
    }
    Fill();
    Close();
    for (uint32_t number = 1; number <= kSegments; ++number) {
      const std::string name = path_ + "/blobs/" + SegmentName(1'000'000 + number);
      std::ofstream(name) << SegmentFileHeader(1'000'000 + number);
    }
    Open();
  }
  ~LargeStore() {
    Close();
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  LargeStore(const LargeStore&) = delete;
  LargeStore& operator=(const LargeStore&) = delete;

  void Open() {
    records_ = OpenRocksDb(path_ + "/records", {}).value();
    blobs_ = BlobStore::Open(files_, {.directory = path_ + "/blobs"}).value();
    store_ = MailStore::Open(*records_, *blobs_, clock_).value();
  }
  void Close() {
    store_.reset();
    blobs_.reset();
    records_.reset();
  }
  // Of the format before, as far as its version says.
  void MakeOld() {
    Batch batch;
    batch.shard = kControlShard;
    batch.Put(FormatVersionKey(), std::string(kFormatVersionBefore));
    Outcome outcome;
    records_->Commit({&batch, 1}, {&outcome, 1});
    MH_CHECK(outcome.kind == Outcome::Kind::kDone);
  }
  MailStore& store() { return *store_; }
  MessageQuery QueryOf(size_t folder) const {
    MessageQuery query;
    query.tenant = tenant_;
    query.mailbox = mailbox_;
    query.folder = folders_[folder];
    query.limit = 50;
    return query;
  }

 private:
  void Fill() {
    SeededRandom random(1);
    const size_t messages = Messages();
    for (size_t done = 0; done < messages; done += kPerAppend) {
      const FolderId folder = folders_[done < kOldMessages ? kFolders : random.Below(kFolders)];
      const size_t count = done == 0 ? kOldMessages : kPerAppend;
      const std::unique_ptr<IngestBatch> batch =
          ManyMessages(mailbox_, folder, done, count, kBodyBytes);
      IngestBatch* const one = batch.get();
      store_->Append({&one, 1});
      MH_CHECK(batch->status.ok());
    }
  }

  std::string path_ = "./mailhaul-bench-XXXXXX";
  PosixFileSystem files_;
  SystemClock clock_;
  std::unique_ptr<KeyValueStore> records_;
  std::unique_ptr<BlobStore> blobs_;
  std::unique_ptr<MailStore> store_;
  TenantId tenant_;
  MailboxId mailbox_;
  std::vector<FolderId> folders_;
};

// Filled once for all.
LargeStore& Large() {
  static LargeStore large;
  return large;
}

// Of this thread: what a busy machine does not add to.
double ThreadMicroseconds() {
  timespec time{};
  MH_CHECK(::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time) == 0);
  return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_nsec) / 1e3;
}

double Percentile(std::vector<double>& values, size_t percent) {
  std::sort(values.begin(), values.end());
  return values[values.size() * percent / 100];
}

// Argument: the folder; the last one holds the mailbox's oldest messages alone.
void BM_ListNewestOfFolder(benchmark::State& state) {
  LargeStore& large = Large();
  const MessageQuery query = large.QueryOf(static_cast<size_t>(state.range(0)));
  const SystemClock clock;
  std::vector<double> wall;
  std::vector<double> processor;
  for (auto _ : state) {
    const TimePoint begin = clock.Now();
    const double processor_begin = ThreadMicroseconds();
    const Result<MessagePage> page = large.store().ListMessages(query);
    processor.push_back(ThreadMicroseconds() - processor_begin);
    wall.push_back(std::chrono::duration<double, std::micro>(clock.Now() - begin).count());
    MH_CHECK(page.ok() && page->items.size() == query.limit);
  }
  state.counters["p50_us"] = Percentile(wall, 50);
  state.counters["p99_us"] = Percentile(wall, 99);
  state.counters["p99_cpu_us"] = Percentile(processor, 99);
}
BENCHMARK(BM_ListNewestOfFolder)
    ->Arg(0)
    ->Arg(kFolders)
    ->Iterations(5000)
    ->Unit(benchmark::kMicrosecond);

void BM_OpenLargeStore(benchmark::State& state) {
  LargeStore& large = Large();
  for (auto _ : state) {
    state.PauseTiming();
    large.Close();
    state.ResumeTiming();
    large.Open();
  }
}
BENCHMARK(BM_OpenLargeStore)->Iterations(10)->UseRealTime()->Unit(benchmark::kMillisecond);

// Opening a store that is of the format before.
void BM_ConvertLargeStore(benchmark::State& state) {
  LargeStore& large = Large();
  for (auto _ : state) {
    state.PauseTiming();
    large.MakeOld();
    large.Close();
    state.ResumeTiming();
    large.Open();
  }
}
BENCHMARK(BM_ConvertLargeStore)->Iterations(1)->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace mailhaul::store
