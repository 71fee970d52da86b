// The contract of key_value_store.h, the same for every implementation.
#include "store/key_value_store.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "store/key_layout.h"
#include "store/memory_key_value_store.h"
#include "store/rocksdb_store.h"
#include "tests/store/temporary_directory.h"

namespace mailhaul::store {
namespace {

using Kind = Outcome::Kind;

std::string KeyOf(ShardId shard, uint32_t number) {
  return UidKey(MailboxId::Make(shard, 1), 1, 1, number);
}

class Backend {
 public:
  virtual ~Backend() = default;
  virtual KeyValueStore& store() = 0;
  virtual void Reopen() = 0;
  virtual void SetEpoch(uint64_t epoch) = 0;
};

class MemoryBackend final : public Backend {
 public:
  KeyValueStore& store() override { return store_; }
  void Reopen() override {}
  void SetEpoch(uint64_t epoch) override { store_.SetEpoch(1, epoch); }

 private:
  MemoryKeyValueStore store_;
};

class RocksDbBackend final : public Backend {
 public:
  RocksDbBackend() { Reopen(); }
  KeyValueStore& store() override { return *store_; }
  void Reopen() override {
    store_.reset();
    Result<std::unique_ptr<EmbeddedStore>> store = OpenRocksDb(directory_.path() + "/db", options_);
    ASSERT_TRUE(store.ok()) << store.status().ToString();
    store_ = std::move(store).value();
  }
  void SetEpoch(uint64_t epoch) override {
    options_.epoch = epoch;
    Reopen();
  }

 private:
  TemporaryDirectory directory_;
  RocksDbOptions options_;
  std::unique_ptr<KeyValueStore> store_;
};

class KeyValueStoreTest : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (std::string_view(GetParam()) == "memory") {
      backend_ = std::make_unique<MemoryBackend>();
    } else {
      backend_ = std::make_unique<RocksDbBackend>();
    }
  }
  KeyValueStore& store() { return backend_->store(); }

  Outcome Commit(const Batch& batch) {
    Outcome outcome;
    store().Commit({&batch, 1}, {&outcome, 1});
    return outcome;
  }
  Kind Put(uint32_t number, const std::string& value) {
    Batch batch;
    batch.shard = 1;
    batch.Put(KeyOf(1, number), value);
    return Commit(batch).kind;
  }
  std::optional<std::string> Get(uint32_t number) { return store().Get(KeyOf(1, number)).value(); }

  // The numbers of the keys that a scan shows, and whether it says that there are more.
  std::pair<std::vector<uint32_t>, bool> Scan(const ScanRequest& request,
                                              size_t stop_after = 1000) {
    std::vector<uint32_t> numbers;
    const Result<bool> more =
        store().Scan(request, [&](std::string_view key, std::string_view /*value*/) {
          numbers.push_back(ReadU32(key, key.size() - sizeof(uint32_t)));
          return numbers.size() < stop_after;
        });
    EXPECT_TRUE(more.ok());
    return {numbers, more.ok() && *more};
  }

  std::unique_ptr<Backend> backend_;
};

INSTANTIATE_TEST_SUITE_P(All, KeyValueStoreTest, ::testing::Values("memory", "rocksdb"),
                         [](const auto& backend) { return std::string(backend.param); });

TEST_P(KeyValueStoreTest, WhatWasPutIsReadAndWhatWasDeletedIsNot) {
  EXPECT_EQ(Get(1), std::nullopt);
  EXPECT_EQ(Put(1, "one"), Kind::kDone);
  EXPECT_EQ(Put(2, std::string()), Kind::kDone);
  EXPECT_EQ(Get(1), "one");
  EXPECT_EQ(Get(2), "");
  Batch batch;
  batch.shard = 1;
  batch.Delete(KeyOf(1, 1));
  EXPECT_EQ(Commit(batch).kind, Kind::kDone);
  EXPECT_EQ(Get(1), std::nullopt);
}

TEST_P(KeyValueStoreTest, WhatWasDoneSurvivesReopening) {
  const std::string bytes("\0\xff\n", 3);
  EXPECT_EQ(Put(7, bytes), Kind::kDone);
  backend_->Reopen();
  EXPECT_EQ(Get(7), bytes);
}

TEST_P(KeyValueStoreTest, TheLastWriteOfAKeyInABatchWins) {
  Batch batch;
  batch.shard = 1;
  batch.Put(KeyOf(1, 1), "first");
  batch.Delete(KeyOf(1, 1));
  batch.Put(KeyOf(1, 1), "last");
  EXPECT_EQ(Commit(batch).kind, Kind::kDone);
  EXPECT_EQ(Get(1), "last");
}

TEST_P(KeyValueStoreTest, AFailedExpectationWritesNothingOfItsBatch) {
  ASSERT_EQ(Put(1, "one"), Kind::kDone);
  for (const std::optional<std::string>& wrong :
       {std::optional<std::string>(), std::optional<std::string>("two")}) {
    Batch batch;
    batch.shard = 1;
    batch.expectations.push_back({.key = KeyOf(1, 1), .value = wrong});
    batch.Put(KeyOf(1, 2), "new");
    const Outcome outcome = Commit(batch);
    EXPECT_EQ(outcome.kind, Kind::kConflict);
    EXPECT_FALSE(outcome.detail.ok());
    EXPECT_EQ(Get(2), std::nullopt);
  }
}

TEST_P(KeyValueStoreTest, AnExpectationThatHoldsLetsTheBatchPass) {
  ASSERT_EQ(Put(1, "one"), Kind::kDone);
  Batch batch;
  batch.shard = 1;
  batch.expectations.push_back({.key = KeyOf(1, 1), .value = "one"});
  batch.expectations.push_back({.key = KeyOf(1, 2), .value = std::nullopt});
  batch.Put(KeyOf(1, 1), "two");
  EXPECT_EQ(Commit(batch).kind, Kind::kDone);
  EXPECT_EQ(Get(1), "two");
}

TEST_P(KeyValueStoreTest, OneShardsConflictLeavesTheOthersAlone) {
  std::vector<Batch> batches(2);
  batches[0].shard = 1;
  batches[0].expectations.push_back({.key = KeyOf(1, 9), .value = "never"});
  batches[0].Put(KeyOf(1, 1), "no");
  batches[1].shard = 2;
  batches[1].Put(KeyOf(2, 1), "yes");
  std::vector<Outcome> outcomes(2);
  store().Commit(batches, outcomes);
  EXPECT_EQ(outcomes[0].kind, Kind::kConflict);
  EXPECT_EQ(outcomes[1].kind, Kind::kDone);
  EXPECT_EQ(Get(1), std::nullopt);
  EXPECT_EQ(store().Get(KeyOf(2, 1)).value(), "yes");
}

TEST_P(KeyValueStoreTest, AnEarlierOwnersBatchIsFenced) {
  backend_->SetEpoch(5);
  Batch batch;
  batch.shard = 1;
  batch.epoch = 4;
  batch.Put(KeyOf(1, 1), "late");
  EXPECT_EQ(Commit(batch).kind, Kind::kFenced);
  EXPECT_EQ(Get(1), std::nullopt);
  batch.epoch = 5;
  EXPECT_EQ(Commit(batch).kind, Kind::kDone);
}

TEST_P(KeyValueStoreTest, ScansKeepOrderBoundsAndLimits) {
  for (const uint32_t number : {300U, 2U, 70000U, 1U, 255U, 256U}) {
    ASSERT_EQ(Put(number, "v"), Kind::kDone);
  }
  ScanRequest request{.begin = KeyOf(1, 2), .end = KeyOf(1, 70000)};
  using Numbers = std::vector<uint32_t>;
  EXPECT_EQ(Scan(request), std::pair(Numbers({2, 255, 256, 300}), false));
  request.descending = true;
  EXPECT_EQ(Scan(request), std::pair(Numbers({300, 256, 255, 2}), false));
  request.rows_max = 3;
  EXPECT_EQ(Scan(request), std::pair(Numbers({300, 256, 255}), true));
  request.descending = false;
  EXPECT_EQ(Scan(request), std::pair(Numbers({2, 255, 256}), true));
  request.rows_max = 4;
  EXPECT_EQ(Scan(request), std::pair(Numbers({2, 255, 256, 300}), false));
  EXPECT_EQ(Scan(request, 2), std::pair(Numbers({2, 255}), true));
  request.end = request.begin;
  EXPECT_EQ(Scan(request), std::pair(Numbers(), false));
}

TEST_P(KeyValueStoreTest, AScanStaysInItsKeyspace) {
  Batch batch;
  batch.shard = 1;
  batch.Put(KeyOf(1, 5), "uid");
  batch.Put(BlobKey(1, {1}, Sha256{}), "blob");
  batch.Put(ContentKey(MessageId::Make(1, 1)), "content");
  ASSERT_EQ(Commit(batch).kind, Kind::kDone);
  const std::string keyspace(1, static_cast<char>(Keyspace::kUid));
  const ScanRequest request{.begin = keyspace, .end = PrefixEnd(keyspace)};
  EXPECT_EQ(Scan(request), std::pair(std::vector<uint32_t>({5}), false));
}

TEST_P(KeyValueStoreTest, ABatchAtItsLimitsIsTaken) {
  Batch batch;
  batch.shard = 1;
  for (uint32_t i = 0; i < 15; ++i) {
    batch.Put(KeyOf(1, i), std::string(kValueBytesMax, 'x'));
  }
  batch.Put(KeyOf(1, 15), std::string(kBatchBytesMax - batch.bytes() - KeyOf(1, 15).size(), 'y'));
  ASSERT_EQ(batch.bytes(), kBatchBytesMax);
  EXPECT_EQ(Commit(batch).kind, Kind::kDone);
  EXPECT_EQ(Get(14)->size(), kValueBytesMax);
}

using KeyValueStoreDeathTest = KeyValueStoreTest;
INSTANTIATE_TEST_SUITE_P(All, KeyValueStoreDeathTest, ::testing::Values("memory"));

TEST_P(KeyValueStoreDeathTest, BreakingALimitOrMixingShardsAborts) {
  Batch foreign;
  foreign.shard = 1;
  foreign.Put(KeyOf(2, 1), "v");
  EXPECT_DEATH(Commit(foreign), "ShardOfKey");
  Batch large;
  large.shard = 1;
  large.Put(KeyOf(1, 1), std::string(kValueBytesMax + 1, 'x'));
  EXPECT_DEATH(Commit(large), "kValueBytesMax");
  const std::vector<Batch> twice(2,
                                 Batch{.shard = 1, .epoch = 0, .expectations = {}, .writes = {}});
  std::vector<Outcome> outcomes(2);
  EXPECT_DEATH(store().Commit(twice, outcomes), "adjacent_find");
}

TEST(MemoryKeyValueStoreTest, InjectedFaultsEndTheNamedCommit) {
  using Fault = MemoryKeyValueStore::Fault;
  struct Case {
    Fault fault;
    Kind kind;
    Code code;
    bool written;
  };
  for (const Case& expected :
       {Case{Fault::kBusy, Kind::kBusy, Code::kBusy, false},
        Case{Fault::kDiskFull, Kind::kBusy, Code::kDiskFull, false},
        Case{Fault::kConflict, Kind::kConflict, Code::kConflict, false},
        Case{Fault::kUnknownApplied, Kind::kUnknown, Code::kUnknownOutcome, true},
        Case{Fault::kUnknownLost, Kind::kUnknown, Code::kUnknownOutcome, false},
        Case{Fault::kIo, Kind::kUnknown, Code::kIo, false}}) {
    MemoryKeyValueStore store;
    store.InjectFault(2, expected.fault);
    std::vector<Outcome> outcomes(3);
    for (uint32_t i = 0; i < 3; ++i) {
      Batch batch;
      batch.shard = 1;
      batch.Put(KeyOf(1, i), "v");
      store.Commit({&batch, 1}, {&outcomes[i], 1});
    }
    EXPECT_EQ(outcomes[0].kind, Kind::kDone);
    EXPECT_EQ(outcomes[1].kind, expected.kind);
    EXPECT_EQ(outcomes[1].detail.code(), expected.code);
    EXPECT_EQ(outcomes[2].kind, Kind::kDone);
    EXPECT_EQ(store.Get(KeyOf(1, 1)).value().has_value(), expected.written);
  }
}

TEST(MemoryKeyValueStoreTest, AFrozenStoreChangesNothingUntilItThaws) {
  MemoryKeyValueStore store;
  store.FreezeAfter(1);
  Outcome outcome;
  Batch batch;
  batch.shard = 1;
  batch.Put(KeyOf(1, 1), "v");
  store.Commit({&batch, 1}, {&outcome, 1});
  EXPECT_EQ(outcome.kind, Kind::kDone);
  batch.Put(KeyOf(1, 2), "v");
  store.Commit({&batch, 1}, {&outcome, 1});
  EXPECT_EQ(outcome.kind, Kind::kUnknown);
  EXPECT_EQ(store.rows(), 1U);
  store.Thaw();
  store.Commit({&batch, 1}, {&outcome, 1});
  EXPECT_EQ(outcome.kind, Kind::kDone);
  EXPECT_EQ(store.rows(), 2U);
}

TEST(RocksDbStoreTest, ASecondOpeningIsToldThatTheDirectoryIsInUse) {
  const TemporaryDirectory directory;
  const Result<std::unique_ptr<EmbeddedStore>> first = OpenRocksDb(directory.path() + "/db", {});
  ASSERT_TRUE(first.ok()) << first.status().ToString();
  const Result<std::unique_ptr<EmbeddedStore>> second = OpenRocksDb(directory.path() + "/db", {});
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.status().code(), Code::kStoreLocked) << second.status().ToString();
  EXPECT_NE(second.status().message().find(directory.path()), std::string::npos);
}

TEST(RocksDbStoreTest, WhoIsRefusedLeavesTheLogOfTheRunningOneAlone) {
  const TemporaryDirectory directory;
  const Result<std::unique_ptr<EmbeddedStore>> first = OpenRocksDb(directory.path(), {});
  ASSERT_TRUE(first.ok()) << first.status().ToString();
  for (int attempt = 0; attempt < 3; ++attempt) {
    EXPECT_EQ(OpenRocksDb(directory.path(), {}).status().code(), Code::kStoreLocked);
  }
  std::vector<std::string> logs;
  for (const auto& entry : std::filesystem::directory_iterator(directory.path())) {
    const std::string name = entry.path().filename();
    if (name.rfind("LOG", 0) == 0) {
      logs.push_back(name);
    }
  }
  EXPECT_EQ(logs, std::vector<std::string>{"LOG"});
}

TEST(RocksDbStoreTest, ADamagedDirectoryIsCorrupt) {
  const TemporaryDirectory directory;
  { ASSERT_TRUE(OpenRocksDb(directory.path(), {}).ok()); }
  std::filesystem::remove(directory.path() + "/CURRENT");
  std::filesystem::create_directory(directory.path() + "/CURRENT");
  const Result<std::unique_ptr<EmbeddedStore>> again = OpenRocksDb(directory.path(), {});
  ASSERT_FALSE(again.ok());
  EXPECT_NE(again.status().code(), Code::kStoreLocked);
}

uintmax_t BytesOf(const std::string& directory, const std::string& extension) {
  uintmax_t bytes = 0;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    bytes += entry.path().extension() == extension ? entry.file_size() : 0;
  }
  return bytes;
}

// Nothing is left to be done when it is opened again, and rows take little room.
TEST(RocksDbStoreTest, ClosingMovesRowsFromTheLogToSmallerTableFiles) {
  for (const bool flush : {true, false}) {
    const TemporaryDirectory directory;
    RocksDbOptions options;
    options.flush_at_close = flush;
    uintmax_t log = 0;
    {
      const auto store = OpenRocksDb(directory.path(), options);
      ASSERT_TRUE(store.ok());
      Batch batch;
      batch.shard = 1;
      for (uint32_t i = 0; i < 2000; ++i) {
        batch.Put(KeyOf(1, i), "value of a row");
      }
      Outcome outcome;
      (*store)->Commit({&batch, 1}, {&outcome, 1});
      ASSERT_EQ(outcome.kind, Kind::kDone);
      log = BytesOf(directory.path(), ".log");
      EXPECT_GT(log, 2000U * 14);
    }
    if (flush) {
      EXPECT_EQ(BytesOf(directory.path(), ".log"), 0U);
      EXPECT_GT(BytesOf(directory.path(), ".sst"), 0U);
      EXPECT_LT(BytesOf(directory.path(), ".sst"), log / 3);
    } else {
      EXPECT_EQ(BytesOf(directory.path(), ".log"), log);
      EXPECT_EQ(BytesOf(directory.path(), ".sst"), 0U);
    }
    const auto again = OpenRocksDbReadOnly(directory.path());
    ASSERT_TRUE(again.ok());
    EXPECT_EQ((*again)->Get(KeyOf(1, 1999)).value(), "value of a row");
  }
}

TEST(RocksDbStoreTest, BelowTheFreeSpaceReserveCommitsAreBusyAndReadsGoOn) {
  const TemporaryDirectory directory;
  Result<std::unique_ptr<EmbeddedStore>> store =
      OpenRocksDb(directory.path() + "/db", {.epoch = 0, .free_bytes_min = UINT64_MAX});
  ASSERT_TRUE(store.ok());
  Batch batch;
  batch.shard = 1;
  batch.Put(KeyOf(1, 1), "v");
  Outcome outcome;
  (*store)->Commit({&batch, 1}, {&outcome, 1});
  EXPECT_EQ(outcome.kind, Kind::kBusy);
  EXPECT_EQ(outcome.detail.code(), Code::kDiskFull);
  EXPECT_NE(outcome.detail.message().find(directory.path()), std::string::npos);
  EXPECT_EQ((*store)->Get(KeyOf(1, 1)).value(), std::nullopt);
}

}  // namespace
}  // namespace mailhaul::store
