// The hot path of collecting: MailStore::Append() on RocksDB and real segments, synced.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "store/mail_store.h"
#include "store/rocksdb_store.h"

namespace mailhaul::store {
namespace {

constexpr size_t kBodyBytes = 56'000;
constexpr size_t kMessagesPerFolder = 2000;

// Below the working directory: the disk the program runs on, not a memory file system.
class BenchStore final {
 public:
  BenchStore() {
    MH_CHECK(::mkdtemp(path_.data()) != nullptr);
    records_ = OpenRocksDb(path_ + "/records", {}).value();
    blobs_ = BlobStore::Open(files_, {.directory = path_ + "/blobs"}).value();
    store_ = MailStore::Open(*records_, *blobs_, clock_).value();
    const TenantId tenant = store_->EnsureTenant("bench").value();
    mailbox_ = store_->EnsureMailbox(tenant, "bench", "bench@x.example").value();
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

  MailStore& store() { return *store_; }
  IngestBatch NewBatch() {
    IngestBatch batch;
    batch.mailbox = mailbox_;
    batch.folder = FolderOf(messages_ / kMessagesPerFolder);
    batch.uid_validity = 1;
    return batch;
  }
  Uid NextUid() { return static_cast<Uid>(messages_++ % kMessagesPerFolder + 1); }

 private:
  FolderId FolderOf(size_t number) {
    return store_->EnsureFolder(mailbox_, "Folder " + std::to_string(number), "").value();
  }

  std::string path_ = "./mailhaul-bench-XXXXXX";
  PosixFileSystem files_;
  SystemClock clock_;
  std::unique_ptr<KeyValueStore> records_;
  std::unique_ptr<BlobStore> blobs_;
  std::unique_ptr<MailStore> store_;
  MailboxId mailbox_;
  size_t messages_ = 0;
};

IngestMessage MakeMessage(Random& random) {
  IngestMessage message;
  message.body.resize(kBodyBytes);
  random.Fill({reinterpret_cast<unsigned char*>(message.body.data()), message.body.size()});
  message.size = kBodyBytes;
  message.sha256 = ComputeSha256(message.body);
  MessageContent content;
  content.message_id = "0123456789abcdef@mail.example";
  content.subject = "A subject of usual length, with a few words";
  content.preview = std::string(180, 'p');
  content.from = {{.name = "Some Body", .email = "some.body@sender.example"}};
  content.to = {{.name = "Some One", .email = "some.one@receiver.example"}};
  message.content = EncodeContent(content);
  return message;
}

// Arguments: messages per Append(). Hashing and parsing are not in the measured part: in the
// program they run on other threads.
void BM_Append(benchmark::State& state) {
  BenchStore bench;
  SeededRandom random(1);
  const auto per_append = static_cast<size_t>(state.range(0));
  std::vector<IngestMessage> messages;
  for (size_t i = 0; i < per_append; ++i) {
    messages.push_back(MakeMessage(random));
  }
  int64_t stored = 0;
  for (auto _ : state) {
    state.PauseTiming();
    IngestBatch batch = bench.NewBatch();
    for (IngestMessage& message : messages) {
      message.uid = bench.NextUid();
      message.internal_date = WallTime(std::chrono::seconds(random.Below(1'000'000'000)));
      random.Fill(message.sha256);  // Every message is new to the store.
      random.Fill(message.identity.emplace());
    }
    batch.messages = std::move(messages);
    IngestBatch* const one = &batch;
    state.ResumeTiming();
    bench.store().Append({&one, 1});
    state.PauseTiming();
    MH_CHECK(batch.status.ok());
    stored += batch.stored;
    messages = std::move(batch.messages);
    state.ResumeTiming();
  }
  state.SetItemsProcessed(stored);
  state.SetBytesProcessed(stored * static_cast<int64_t>(kBodyBytes));
}
BENCHMARK(BM_Append)->Arg(1)->Arg(20)->Arg(200)->MeasureProcessCPUTime()->UseRealTime()->Unit(
    benchmark::kMillisecond);

void BM_ListPage(benchmark::State& state) {
  BenchStore bench;
  SeededRandom random(1);
  IngestBatch batch = bench.NewBatch();
  for (size_t i = 0; i < kMessagesPerFolder; ++i) {
    IngestMessage message = MakeMessage(random);
    message.body.resize(100);
    message.size = message.body.size();
    message.uid = bench.NextUid();
    message.internal_date = WallTime(std::chrono::seconds(i));
    batch.messages.push_back(std::move(message));
  }
  IngestBatch* const one = &batch;
  bench.store().Append({&one, 1});
  MH_CHECK(batch.status.ok());
  MessageQuery query;
  query.tenant = *bench.store().FindTenant("bench");
  query.mailbox = batch.mailbox;
  for (auto _ : state) {
    const Result<MessagePage> page = bench.store().ListMessages(query);
    MH_CHECK(page.ok() && page->items.size() == query.limit);
  }
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations() * query.limit));
}
BENCHMARK(BM_ListPage)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace mailhaul::store
