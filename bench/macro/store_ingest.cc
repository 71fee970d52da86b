// Takes a set of mail into a store as fast as it goes: into mailhaul's, the way the pipeline does
// but without parsing MIME, or into RocksDB itself with the same durability.
//
//   store_ingest mailhaul|rocksdb DIRECTORY < LIST OF FILES
//
// All files are in memory before the clock starts. One line of JSON tells of it.
#include <rocksdb/db.h>
#include <rocksdb/table.h>
#include <sys/resource.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <functional>
#include <future>
#include <iostream>
#include <iterator>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/clock.h"
#include "base/memory_budget.h"
#include "base/random.h"
#include "engine/pipeline/committer.h"
#include "store/compression.h"
#include "store/mail_store.h"
#include "store/message_content.h"
#include "store/rocksdb_store.h"

namespace {

using mailhaul::pipeline::ThreadCommitter;
using namespace mailhaul::store;  // NOLINT(google-build-using-namespace): all of it is about this.

constexpr size_t kThreads = 2;
constexpr size_t kBudgetBytes = size_t{256} << 20;
constexpr uint64_t kStreamedFrom = uint64_t{1} << 20;
constexpr size_t kPartBytes = size_t{1} << 20;
constexpr size_t kMessagesPerFolder = 500;

std::vector<std::string> ReadFiles() {
  std::vector<std::string> mails;
  for (std::string name; std::getline(std::cin, name);) {
    std::ifstream file(name, std::ios::binary);
    mails.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  return mails;
}

// The value of a line of /proc/self/io.
uint64_t WrittenToDisk() {
  std::ifstream file("/proc/self/io");
  for (std::string name; file >> name;) {
    uint64_t value = 0;
    file >> value;
    if (name == "write_bytes:") {
      return value;
    }
  }
  return 0;
}

double ProcessorSeconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// What the parser would make of it, as far as its size goes.
std::string ContentOf(size_t number) {
  MessageContent content;
  content.message_id = std::to_string(number) + ".0123456789abcdef@mail.example";
  content.subject = "A subject of usual length, with a few words " + std::to_string(number);
  content.preview = std::string(180, static_cast<char>('a' + number % 26));
  content.from = {{.name = "Some Body", .email = "some.body@sender.example"}};
  content.to = {{.name = "Some One", .email = "some.one@receiver.example"}};
  return EncodeContent(content);
}

class Mailhaul final {
 public:
  explicit Mailhaul(const std::string& path)
      : records_(OpenRocksDb(path + "/records", {}).value()),
        blobs_(BlobStore::Open(files_, {.directory = path + "/blobs"}).value()),
        store_(MailStore::Open(*records_, *blobs_, clock_).value()) {
    const mailhaul::TenantId tenant = store_->EnsureTenant("bench").value();
    for (int i = 0; i < 100; ++i) {
      const std::string name = "u" + std::to_string(i);
      mailboxes_.push_back(store_->EnsureMailbox(tenant, name, name + "@x.example").value());
      folders_.push_back(store_->EnsureFolder(mailboxes_.back(), "INBOX", "inbox").value());
    }
    committer_ = std::make_unique<ThreadCommitter>(*store_);
  }

  void Put(const std::vector<std::string>& mails) {
    std::atomic<size_t> next{0};
    std::vector<std::thread> threads;
    for (size_t i = 0; i < kThreads; ++i) {
      threads.emplace_back([&] {
        for (size_t number = next++; number < mails.size(); number = next++) {
          PutOne(number, mails[number]);
        }
      });
    }
    for (std::thread& thread : threads) {
      thread.join();
    }
    committer_.reset();  // Commits what is waiting.
  }
  // Everything is where a restart would find it.
  void Close() {
    store_.reset();
    blobs_.reset();
    records_.reset();
  }

 private:
  void PutOne(size_t number, const std::string& mail) {
    const size_t cost = std::min<size_t>(mail.size(), 4 * kPartBytes) + 4096;
    std::promise<void> granted;
    budget_.Take(cost, [&granted] { granted.set_value(); });
    granted.get_future().wait();
    IngestMessage message;
    message.uid = static_cast<mailhaul::Uid>(number % kMessagesPerFolder + 1);
    message.size = mail.size();
    message.internal_date = mailhaul::WallTime(std::chrono::seconds(1'700'000'000 + number));
    message.content = ContentOf(number);
    message.identity.emplace();
    mailhaul::SeededRandom(number).Fill(*message.identity);
    message.thread = number / 3;
    if (mail.size() > kStreamedFrom) {
      Stream(mail, message);
    } else {
      message.sha256 = ComputeSha256(mail);
      std::optional<std::string> compressed = CompressBody(mail);
      message.compressed = compressed.has_value();
      message.body = compressed ? *std::move(compressed) : mail;
    }
    auto batch = std::make_unique<IngestBatch>();
    batch->mailbox = mailboxes_.at(number / kMessagesPerFolder);
    batch->folder = folders_.at(number / kMessagesPerFolder);
    batch->uid_validity = 1;
    batch->messages.push_back(std::move(message));
    committer_->Commit(std::move(batch), [this, cost](IngestBatch& done) {
      MH_CHECK(done.status.ok() && done.stored == 1);
      budget_.Give(cost);
    });
  }

  void Stream(const std::string& mail, IngestMessage& message) {
    std::unique_ptr<BlobStore::Writer> writer;
    OnCommitter([&] { writer = blobs_->Begin(mail.size()).value(); });
    for (size_t at = 0; at < mail.size(); at += kPartBytes) {
      const std::string part = writer->Prepare(mail.substr(at, kPartBytes)).value();
      OnCommitter([&] { MH_CHECK(writer->Write(part).ok()); });
    }
    OnCommitter([&] { message.streamed = writer->Finish().value(); });
    message.sha256 = message.streamed->sha256;
  }

  void OnCommitter(const std::function<void()>& work) {
    std::promise<void> done;
    committer_->Run([&] {
      work();
      done.set_value();
    });
    done.get_future().wait();
  }

  PosixFileSystem files_;
  mailhaul::SystemClock clock_;
  std::unique_ptr<KeyValueStore> records_;
  std::unique_ptr<BlobStore> blobs_;
  std::unique_ptr<MailStore> store_;
  std::unique_ptr<ThreadCommitter> committer_;
  mailhaul::MemoryBudget budget_{kBudgetBytes};
  std::vector<mailhaul::MailboxId> mailboxes_;
  std::vector<FolderId> folders_;
};

// One value per message in BlobDB with zstd, its log synced with every batch of 64.
class RocksDb final {
 public:
  explicit RocksDb(const std::string& path) {
    rocksdb::Options options;
    options.create_if_missing = true;
    options.max_background_jobs = 2;
    options.write_buffer_size = size_t{64} << 20;
    options.max_write_buffer_number = 4;
    options.bytes_per_sync = 1 << 20;
    options.compression = rocksdb::kNoCompression;
    options.enable_blob_files = true;
    options.min_blob_size = 1024;
    options.blob_compression_type = rocksdb::kZSTD;
    options.blob_file_size = 256 << 20;
    rocksdb::BlockBasedTableOptions table;
    table.block_size = 16 << 10;
    options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
    rocksdb::DB* opened = nullptr;
    MH_CHECK(rocksdb::DB::Open(options, path, &opened).ok());
    database_.reset(opened);
  }

  void Put(const std::vector<std::string>& mails) {
    constexpr size_t kBatch = 64;
    std::atomic<size_t> next{0};
    std::vector<std::thread> threads;
    for (size_t i = 0; i < kThreads; ++i) {
      threads.emplace_back([&] {
        rocksdb::WriteOptions synced;
        synced.sync = true;
        for (size_t from = next.fetch_add(kBatch); from < mails.size();
             from = next.fetch_add(kBatch)) {
          rocksdb::WriteBatch batch;
          for (size_t j = from; j < std::min(from + kBatch, mails.size()); ++j) {
            const uint64_t key = j * 0x9E3779B97F4A7C15ULL;
            batch.Put({reinterpret_cast<const char*>(&key), sizeof(key)}, mails[j]);
          }
          MH_CHECK(database_->Write(synced, &batch).ok());
        }
      });
    }
    for (std::thread& thread : threads) {
      thread.join();
    }
  }
  void Close() {
    MH_CHECK(database_->Flush(rocksdb::FlushOptions()).ok());
    MH_CHECK(database_->Close().ok());
    database_.reset();
  }

 private:
  std::unique_ptr<rocksdb::DB> database_;
};

template <typename Store>
void Run(const std::string& path) {
  const std::vector<std::string> mails = ReadFiles();
  uint64_t bytes = 0;
  for (const std::string& mail : mails) {
    bytes += mail.size();
  }
  const mailhaul::SystemClock clock;
  Store store(path);
  const uint64_t written_before = WrittenToDisk();
  const double processor_before = ProcessorSeconds();
  const mailhaul::TimePoint begin = clock.Now();
  const auto seconds = [&] { return std::chrono::duration<double>(clock.Now() - begin).count(); };
  store.Put(mails);
  const double durable = seconds();
  store.Close();
  std::printf(
      "{\"messages\": %zu, \"bytes\": %llu, \"seconds\": %.3f, \"seconds_with_close\": %.3f, "
      "\"processor_seconds\": %.3f, \"written\": %llu}\n",
      mails.size(), static_cast<unsigned long long>(bytes), durable, seconds(),
      ProcessorSeconds() - processor_before,
      static_cast<unsigned long long>(WrittenToDisk() - written_before));
}

}  // namespace

int main(int count, char** arguments) {
  const std::string_view kind = count == 3 ? arguments[1] : "";
  if (kind != "mailhaul" && kind != "rocksdb") {
    std::fputs("usage: store_ingest mailhaul|rocksdb DIRECTORY < LIST\n", stderr);
    return 2;
  }
  const std::string path = arguments[2];
  PosixFileSystem files;
  MH_CHECK(files.CreateDirectories(path).ok());
  kind == "mailhaul" ? Run<Mailhaul>(path) : Run<RocksDb>(path);
  return 0;
}
