// What the key-value seam costs: the same work through KeyValueStore and on rocksdb::DB itself, in
// turns, on two stores with the same options. `ratio` is seam over RocksDB, of the medians of wall
// time; `cpu_ratio` the same of the thread's processor time, which waiting for the disk does not
// hide.
#include <benchmark/benchmark.h>
#include <rocksdb/cache.h>
#include <rocksdb/convenience.h>
#include <rocksdb/db.h>
#include <rocksdb/file_checksum.h>
#include <rocksdb/utilities/options_util.h>
#include <rocksdb/write_batch.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <memory>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/clock.h"
#include "base/random.h"
#include "store/key_layout.h"
#include "store/rocksdb_store.h"

namespace mailhaul::store {
namespace {

constexpr size_t kRows = 100'000;  // To read.
constexpr size_t kRowBytes = 300;
constexpr size_t kBlockCacheBytes = size_t{16} << 20;  // As in rocksdb_store.cc.
constexpr auto kRowsKeyspace = Keyspace::kContent;

double ThreadMicroseconds() {
  timespec time{};
  MH_CHECK(::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time) == 0);
  return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_nsec) / 1e3;
}

rocksdb::Slice ToSlice(const std::string& text) { return {text.data(), text.size()}; }

std::string RowKey(Keyspace keyspace, ShardId shard, uint64_t number) {
  std::string key = ShardPrefix(keyspace, shard);
  AppendU64(key, number);
  return key;
}

// RocksDB as the store opens it, without the store: its options come from the file that RocksDB
// keeps beside the data.
class PlainDb final {
 public:
  explicit PlainDb(const std::string& directory) {
    rocksdb::DBOptions options;
    std::vector<rocksdb::ColumnFamilyDescriptor> families;
    std::shared_ptr<rocksdb::Cache> cache = rocksdb::NewLRUCache(kBlockCacheBytes);
    Check(rocksdb::LoadLatestOptions(rocksdb::ConfigOptions(), directory, &options, &families,
                                     &cache));
    options.file_checksum_gen_factory = rocksdb::GetFileChecksumGenCrc32cFactory();
    rocksdb::DB* db = nullptr;
    Check(rocksdb::DB::Open(options, directory, families, &families_, &db));
    db_.reset(db);
  }
  ~PlainDb() {
    for (rocksdb::ColumnFamilyHandle* family : families_) {
      Check(db_->DestroyColumnFamilyHandle(family));
    }
    Check(db_->Close());
  }
  PlainDb(const PlainDb&) = delete;
  PlainDb& operator=(const PlainDb&) = delete;

  static void Check(const rocksdb::Status& status) { MH_CHECK(status.ok()); }
  rocksdb::DB& db() { return *db_; }
  // Families have been made in the order of the keyspaces, after the default one.
  rocksdb::ColumnFamilyHandle* FamilyOf(const std::string& key) {
    return families_[static_cast<unsigned char>(key.front())];
  }

 private:
  std::vector<rocksdb::ColumnFamilyHandle*> families_;
  std::unique_ptr<rocksdb::DB> db_;
};

// Two stores with the same rows, below the working directory: on the disk the program runs on.
class Pair final {
 public:
  Pair() {
    MH_CHECK(::mkdtemp(path_.data()) != nullptr);
    const std::string seam = path_ + "/seam";
    const std::string plain = path_ + "/plain";
    Fill(*OpenRocksDb(seam, {}).value());
    std::filesystem::copy(seam, plain, std::filesystem::copy_options::recursive);
    seam_ = OpenRocksDb(seam, {}).value();
    plain_ = std::make_unique<PlainDb>(plain);
  }
  ~Pair() {
    seam_.reset();
    plain_.reset();
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Pair(const Pair&) = delete;
  Pair& operator=(const Pair&) = delete;

  KeyValueStore& seam() { return *seam_; }
  PlainDb& plain() { return *plain_; }

 private:
  static void Fill(KeyValueStore& store) {
    SeededRandom random(1);
    std::string value(kRowBytes, '\0');
    for (size_t done = 0; done < kRows;) {
      Batch batch;
      batch.shard = 1;
      for (; batch.writes.size() < 1000; ++done) {
        random.Fill({reinterpret_cast<unsigned char*>(value.data()), value.size()});
        batch.Put(RowKey(kRowsKeyspace, 1, done), value);
      }
      Outcome outcome;
      store.Commit({&batch, 1}, {&outcome, 1});
      MH_CHECK(outcome.kind == Outcome::Kind::kDone);
    }
  }

  std::string path_ = "./mailhaul-bench-XXXXXX";
  std::unique_ptr<EmbeddedStore> seam_;
  std::unique_ptr<PlainDb> plain_;
};

Pair& Stores() {
  static Pair pair;
  return pair;
}

// How long each way took, turn by turn.
class Comparison final {
 public:
  template <typename Seam, typename Plain>
  void Turn(Seam&& through_seam, Plain&& plain) {
    // Neither has the advantage of coming second, to what the other has just warmed up.
    if (seam_.wall.size() % 2 == 0) {
      Measure(seam_, through_seam);
      Measure(plain_, plain);
    } else {
      Measure(plain_, plain);
      Measure(seam_, through_seam);
    }
  }
  void Report(benchmark::State& state) {
    const double seam = Median(seam_.wall);
    const double plain = Median(plain_.wall);
    state.counters["seam_us"] = seam;
    state.counters["rocksdb_us"] = plain;
    state.counters["ratio"] = seam / plain;
    state.counters["cpu_ratio"] = Median(seam_.processor) / Median(plain_.processor);
  }

 private:
  struct Times {
    std::vector<double> wall;
    std::vector<double> processor;
  };
  template <typename Work>
  void Measure(Times& times, Work& work) {
    const TimePoint begin = clock_.Now();
    const double processor_begin = ThreadMicroseconds();
    work();
    times.processor.push_back(ThreadMicroseconds() - processor_begin);
    times.wall.push_back(std::chrono::duration<double, std::micro>(clock_.Now() - begin).count());
  }
  static double Median(std::vector<double>& values) {
    const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
    std::nth_element(values.begin(), middle, values.end());
    return *middle;
  }

  const SystemClock clock_{};
  Times seam_;
  Times plain_;
};

// Rows as those of messages: some with a value of some hundred bytes, most with next to none.
std::vector<Batch> MakeBatches(size_t shards, size_t rows, size_t expectations, Random& random) {
  std::vector<Batch> batches(shards);
  for (size_t i = 0; i < shards; ++i) {
    Batch& batch = batches[i];
    batch.shard = static_cast<ShardId>(i + 1);
    for (size_t row = 0; row < rows; ++row) {
      const auto keyspace = static_cast<Keyspace>(
          static_cast<size_t>(Keyspace::kContent) +
          row % (static_cast<size_t>(Keyspace::kUid) - static_cast<size_t>(Keyspace::kContent)));
      const bool large = keyspace == Keyspace::kContent || keyspace == Keyspace::kPlacement;
      std::string value(large ? kRowBytes : 8, '\0');
      random.Fill({reinterpret_cast<unsigned char*>(value.data()), value.size()});
      batch.Put(RowKey(keyspace, batch.shard, kRows + random.NextU64() / 2), std::move(value));
    }
    for (size_t row = 0; row < expectations; ++row) {
      batch.expectations.push_back(
          {.key = RowKey(Keyspace::kBlob, batch.shard, random.NextU64()), .value = std::nullopt});
    }
  }
  return batches;
}

void CommitThroughSeam(const std::vector<Batch>& batches, std::vector<Outcome>& outcomes) {
  Stores().seam().Commit(batches, outcomes);
  for (const Outcome& outcome : outcomes) {
    MH_CHECK(outcome.kind == Outcome::Kind::kDone);
  }
}

void CommitPlainly(const std::vector<Batch>& batches) {
  PlainDb& plain = Stores().plain();
  rocksdb::WriteBatch writes;
  rocksdb::PinnableSlice found;
  for (const Batch& batch : batches) {
    for (const Expectation& expectation : batch.expectations) {
      MH_CHECK(plain.db()
                   .Get({}, plain.FamilyOf(expectation.key), ToSlice(expectation.key), &found)
                   .IsNotFound());
    }
    for (const Write& write : batch.writes) {
      PlainDb::Check(
          writes.Put(plain.FamilyOf(write.key), ToSlice(write.key), ToSlice(*write.value)));
    }
  }
  rocksdb::WriteOptions options;
  options.sync = true;
  PlainDb::Check(plain.db().Write(options, &writes));
}

// Arguments: batches in the group, rows and expectations of each.
void BM_SeamCommit(benchmark::State& state) {
  SeededRandom random(1);
  Comparison comparison;
  for (auto _ : state) {
    state.PauseTiming();
    const std::vector<Batch> batches =
        MakeBatches(static_cast<size_t>(state.range(0)), static_cast<size_t>(state.range(1)),
                    static_cast<size_t>(state.range(2)), random);
    std::vector<Outcome> outcomes(batches.size());
    Stores();
    state.ResumeTiming();
    comparison.Turn([&] { CommitThroughSeam(batches, outcomes); }, [&] { CommitPlainly(batches); });
  }
  comparison.Report(state);
}
BENCHMARK(BM_SeamCommit)
    ->ArgNames({"batches", "rows", "expectations"})
    ->Args({1, 10, 0})
    ->Args({1, 200, 20})
    ->Iterations(400)
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);
BENCHMARK(BM_SeamCommit)
    ->ArgNames({"batches", "rows", "expectations"})
    ->Args({16, 200, 0})
    ->Args({16, 200, 20})
    ->Iterations(100)
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

void BM_SeamGet(benchmark::State& state) {
  SeededRandom random(1);
  Comparison comparison;
  constexpr size_t kPerTurn = 100;
  std::vector<std::string> keys(kPerTurn);
  for (auto _ : state) {
    for (std::string& key : keys) {
      key = RowKey(kRowsKeyspace, 1, random.Below(kRows));
    }
    size_t bytes = 0;
    comparison.Turn(
        [&] {
          for (const std::string& key : keys) {
            bytes += Stores().seam().Get(key).value()->size();
          }
        },
        [&] {
          PlainDb& plain = Stores().plain();
          for (const std::string& key : keys) {
            std::string value;
            PlainDb::Check(plain.db().Get({}, plain.FamilyOf(key), ToSlice(key), &value));
            bytes += value.size();
          }
        });
    MH_CHECK(bytes == 2 * kPerTurn * kRowBytes);
  }
  comparison.Report(state);
}
BENCHMARK(BM_SeamGet)->Iterations(2000)->UseRealTime()->Unit(benchmark::kMicrosecond);

size_t ScanPlainly(const ScanRequest& request) {
  PlainDb& plain = Stores().plain();
  const rocksdb::Slice begin = ToSlice(request.begin);
  const rocksdb::Slice end = ToSlice(request.end);
  rocksdb::ReadOptions options;
  options.iterate_lower_bound = &begin;
  options.iterate_upper_bound = &end;
  const std::unique_ptr<rocksdb::Iterator> row(
      plain.db().NewIterator(options, plain.FamilyOf(request.begin)));
  size_t bytes = 0;
  size_t rows = 0;
  for (request.descending ? row->SeekToLast() : row->SeekToFirst();
       row->Valid() && rows < request.rows_max; ++rows) {
    bytes += row->key().size() + row->value().size();
    request.descending ? row->Prev() : row->Next();
  }
  PlainDb::Check(row->status());
  return bytes;
}

// Arguments: rows; whether from the last on.
void BM_SeamScan(benchmark::State& state) {
  SeededRandom random(1);
  Comparison comparison;
  ScanRequest request;
  request.rows_max = static_cast<size_t>(state.range(0));
  request.descending = state.range(1) != 0;
  for (auto _ : state) {
    const uint64_t first = random.Below(kRows - 2 * request.rows_max);
    request.begin = RowKey(kRowsKeyspace, 1, first);
    request.end = RowKey(kRowsKeyspace, 1, first + 2 * request.rows_max);
    size_t seam_bytes = 0;
    size_t plain_bytes = 0;
    comparison.Turn(
        [&] {
          const Result<bool> more = Stores().seam().Scan(
              request, [&seam_bytes](std::string_view key, std::string_view value) {
                seam_bytes += key.size() + value.size();
                return true;
              });
          MH_CHECK(more.ok());
        },
        [&] { plain_bytes = ScanPlainly(request); });
    MH_CHECK(seam_bytes == plain_bytes);
  }
  comparison.Report(state);
}
BENCHMARK(BM_SeamScan)
    ->ArgNames({"rows", "descending"})
    ->Args({50, 0})
    ->Args({50, 1})
    ->Args({1000, 0})
    ->Iterations(2000)
    ->UseRealTime()
    ->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace mailhaul::store
