#include "store/rocksdb_store.h"

#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/file_checksum.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/options.h>
#include <rocksdb/perf_level.h>
#include <rocksdb/table.h>
#include <rocksdb/utilities/checkpoint.h>
#include <rocksdb/write_batch.h>

#include <algorithm>
#include <atomic>
#include <set>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/text.h"
#include "base/units.h"
#include "store/batch_check.h"
#include "store/family_name.h"
#include "store/key_layout.h"
#include "store/rocksdb_files.h"

namespace mailhaul::store {
namespace {

// RocksDB tells of damaged log records in its own log only: passes everything on, and counts those.
class CountingLogger final : public rocksdb::Logger {
 public:
  explicit CountingLogger(std::shared_ptr<rocksdb::Logger> next)
      : rocksdb::Logger(next->GetInfoLogLevel()), next_(std::move(next)) {}

  using rocksdb::Logger::Logv;
  void Logv(const char* format, va_list arguments) override { next_->Logv(format, arguments); }
  void Logv(const rocksdb::InfoLogLevel level, const char* format, va_list arguments) override {
    if (std::string_view(format).find("dropping %d bytes") != std::string_view::npos) {
      dropped_.fetch_add(1);
    }
    next_->Logv(level, format, arguments);
  }
  void LogHeader(const char* format, va_list arguments) override {
    next_->LogHeader(format, arguments);
  }
  void Flush() override { next_->Flush(); }
  uint64_t dropped() const { return dropped_.load(); }

 private:
  const std::shared_ptr<rocksdb::Logger> next_;
  std::atomic<uint64_t> dropped_{0};
};

class SilentLogger final : public rocksdb::Logger {
 public:
  using rocksdb::Logger::Logv;
  void Logv(const char* /*format*/, va_list /*arguments*/) override {}
};

struct RocksDbSettings {
  std::shared_ptr<void> env;  // db's, if it is not RocksDB's own.
  rocksdb::DBOptions db;
  std::shared_ptr<CountingLogger> logger;  // db's own; null: it has none.
  // Index: the keyspace's value; 0 is RocksDB's default family, which stays empty.
  std::vector<rocksdb::ColumnFamilyDescriptor> families;
};

constexpr size_t kWriteBufferBytesMax = size_t{16} << 20;  // Of one family.
constexpr uint64_t kLogBytesMax = uint64_t{96} << 20;
constexpr uint64_t kTableFileBytes = uint64_t{32} << 20;
constexpr int kOpenFilesMax = 256;
constexpr int kOpeningThreads = 4;
constexpr int kFlushJobs = 2;
constexpr int kCompactionJobs = 1;
constexpr int kBloomBitsPerKey = 10;
constexpr double kMemtableBloomShare = 0.01;  // Ten bits for each of 130,000 rows.
constexpr size_t kBlockBytes = size_t{8} << 10;
// What is larger than one of so many parts of the cache is never kept: tables of earlier versions
// have filters of up to a megabyte.
constexpr int kCacheShardBits = 3;
constexpr size_t kInfoLogBytesMax = size_t{1} << 20;
constexpr size_t kInfoLogsMax = 3;
constexpr size_t kBatchHeaderBytes = 12;  // Of a WriteBatch;
constexpr size_t kRowHeaderBytes = 8;     // and at most: kind, family and two lengths.

rocksdb::ColumnFamilyOptions FamilyOptions(size_t write_buffers_bytes,
                                           const std::shared_ptr<rocksdb::Cache>& cache) {
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = cache;
  table.block_size = kBlockBytes;
  table.cache_index_and_filter_blocks = true;  // They count against the cache's bytes.
  table.pin_l0_filter_and_index_blocks_in_cache = true;
  // Whole they are up to a megabyte of each table: one such would push everything else out.
  table.index_type = rocksdb::BlockBasedTableOptions::kTwoLevelIndexSearch;
  table.partition_filters = true;
  table.metadata_block_size = kBlockBytes;
  table.pin_top_level_index_and_filter = true;
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(kBloomBitsPerKey));
  rocksdb::ColumnFamilyOptions family;
  family.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  family.write_buffer_size = std::min(kWriteBufferBytesMax, write_buffers_bytes / 2);
  family.max_write_buffer_number = 2;
  family.target_file_size_base = kTableFileBytes;
  family.level_compaction_dynamic_level_bytes = true;
  // Also rows that are short keys: neighbours are much alike, and a third to a half goes.
  family.compression = rocksdb::kLZ4Compression;
  family.bottommost_compression = rocksdb::kZSTD;
  return family;
}

RocksDbSettings MakeRocksDbSettings(const RocksDbOptions& options) {
  RocksDbSettings settings;
  rocksdb::DBOptions& db = settings.db;
  db.create_if_missing = true;
  db.create_missing_column_families = true;
  db.paranoid_checks = true;
  // Said of one kind: of a few jobs in all RocksDB would have only one write table files.
  db.max_background_flushes = kFlushJobs;
  db.max_background_compactions = kCompactionJobs;
  db.max_open_files = kOpenFilesMax;
  // Of each family: by default 16 threads are made for every one of them.
  db.max_file_opening_threads = 1;
  db.db_write_buffer_size = options.write_buffers_bytes;
  db.max_total_wal_size = kLogBytesMax;
  // A power cut may leave the log's end torn or zeroed: everything up to there is taken, and all
  // that was acknowledged was synced and so lies before it.
  db.wal_recovery_mode = rocksdb::WALRecoveryMode::kPointInTimeRecovery;
  // Write() resumes after a full disk; what another failure left behind cannot be known.
  db.max_bgerror_resume_count = 0;
  db.atomic_flush = false;  // The log covers all families.
  // One thread commits: inserting without regard to others is cheaper, above all of ascending keys.
  db.allow_concurrent_memtable_write = false;
  db.keep_log_file_num = kInfoLogsMax;
  db.max_log_file_size = kInfoLogBytesMax;
  db.info_log_level = rocksdb::WARN_LEVEL;
  db.stats_dump_period_sec = 0;
  db.stats_persist_period_sec = 0;
  db.enable_thread_tracking = false;
  // Every table file's checksum stands in the manifest.
  db.file_checksum_gen_factory = rocksdb::GetFileChecksumGenCrc32cFactory();
  if (options.files != nullptr) {
    settings.env = MakeRocksDbEnv(*options.files);
    db.env = static_cast<rocksdb::Env*>(settings.env.get());
  }

  const std::shared_ptr<rocksdb::Cache> cache =
      rocksdb::NewLRUCache(options.block_cache_bytes, kCacheShardBits);
  settings.families.emplace_back(rocksdb::kDefaultColumnFamilyName, rocksdb::ColumnFamilyOptions());
  for (uint8_t keyspace = kKeyspaceFirst; keyspace <= kKeyspaceLast; ++keyspace) {
    settings.families.emplace_back(FamilyName(static_cast<Keyspace>(keyspace)),
                                   FamilyOptions(options.write_buffers_bytes, cache));
  }
  // Each new body is asked for twice, and nearly never there.
  rocksdb::ColumnFamilyOptions& blobs =
      settings.families[static_cast<size_t>(Keyspace::kBlob)].options;
  blobs.memtable_prefix_bloom_size_ratio = kMemtableBloomShare;
  blobs.memtable_whole_key_filtering = true;
  return settings;
}

rocksdb::Slice ToSlice(std::string_view text) { return {text.data(), text.size()}; }
std::string_view ToView(const rocksdb::Slice& slice) { return {slice.data(), slice.size()}; }

std::string Describe(const rocksdb::Status& status, std::string_view what,
                     const std::string& directory) {
  return std::string(what) + " " + EscapeForLog(directory) + ": " + EscapeForLog(status.ToString());
}

Status ToStatus(const rocksdb::Status& status, std::string_view what,
                const std::string& directory) {
  if (status.IsNoSpace()) {
    return {Code::kDiskFull, Describe(status, what, directory)};
  }
  if (status.IsCorruption() || status.IsNotSupported() || status.IsInvalidArgument()) {
    return {Code::kCorrupt, Describe(status, what, directory)};
  }
  if (status.IsBusy() || status.IsTimedOut() || status.IsTryAgain()) {
    return {Code::kBusy, Describe(status, what, directory)};
  }
  return {Code::kIo, Describe(status, what, directory)};
}

Status OpenFailure(const rocksdb::Status& status, const std::string& directory) {
  // RocksDB tells a held lock from other errors in its text only.
  const std::string text = status.ToString();
  if (status.IsIOError() && (text.find("lock hold") != std::string::npos ||
                             text.find("While lock file") != std::string::npos)) {
    return {Code::kStoreLocked, "data directory " + EscapeForLog(directory) +
                                    " is in use by another mailhaul process; stop it or use "
                                    "another data_dir"};
  }
  return ToStatus(status, "opening the store in", directory);
}

class RocksDbStore final : public EmbeddedStore {
 public:
  RocksDbStore(std::string directory, const RocksDbOptions& options,
               const RocksDbSettings& settings, std::unique_ptr<rocksdb::DB> db,
               std::vector<rocksdb::ColumnFamilyHandle*> families)
      : directory_(std::move(directory)),
        options_(options),
        env_(settings.env),
        logger_(settings.logger),
        db_(std::move(db)),
        families_(std::move(families)) {}
  ~RocksDbStore() override;
  RocksDbStore(const RocksDbStore&) = delete;
  RocksDbStore& operator=(const RocksDbStore&) = delete;

  Result<std::optional<std::string>> Get(std::string_view key) override;
  Result<bool> Scan(const ScanRequest& request,
                    const std::function<bool(std::string_view, std::string_view)>& visit) override;
  void Commit(std::span<const Batch> batches, std::span<Outcome> outcomes) override;
  Status CheckFiles() override;
  uint64_t log_records_dropped() const override {
    return logger_ == nullptr ? 0 : logger_->dropped();
  }
  Status Checkpoint(const std::string& directory) override;

 private:
  rocksdb::ColumnFamilyHandle* Family(std::string_view key) const {
    return families_[static_cast<unsigned char>(key.front())];
  }
  Status CheckRoom() const;
  // Whether everything that was written arrived.
  bool IsSound() const;
  // kDone when the batch may be written.
  Outcome Check(const Batch& batch);
  Outcome Write(rocksdb::WriteBatch& writes);

  const std::string directory_;
  const RocksDbOptions options_;
  // These outlive db_, which uses them.
  const std::shared_ptr<void> env_;
  const std::shared_ptr<const CountingLogger> logger_;
  const std::unique_ptr<rocksdb::DB> db_;
  bool write_failed_ = false;  // Of Commit()'s thread, and the destructor.
  // By keyspace value; those that a store read only does not have yet are the empty default one.
  const std::vector<rocksdb::ColumnFamilyHandle*> families_;
};

RocksDbStore::~RocksDbStore() {
  const std::set<rocksdb::ColumnFamilyHandle*> distinct(families_.begin(), families_.end());
  if (options_.flush_at_close && IsSound() && CheckRoom().ok()) {
    rocksdb::FlushOptions flush;
    flush.allow_write_stall = true;  // Nobody writes any more: there is nothing to wait for.
    // All are begun before one is waited for. What it fails with does not matter: the log has it.
    for (const bool wait : {false, true}) {
      flush.wait = wait;
      for (rocksdb::ColumnFamilyHandle* family : distinct) {
        static_cast<void>(db_->Flush(flush, family));
      }
    }
  }
  for (rocksdb::ColumnFamilyHandle* family : distinct) {
    static_cast<void>(db_->DestroyColumnFamilyHandle(family));
  }
  static_cast<void>(db_->Close());
}

Result<std::optional<std::string>> RocksDbStore::Get(std::string_view key) {
  MH_CHECK(key.size() >= kKeyPrefixBytes);
  std::string value;
  const rocksdb::Status status = db_->Get({}, Family(key), ToSlice(key), &value);
  if (status.IsNotFound()) {
    return std::optional<std::string>();
  }
  if (!status.ok()) {
    return ToStatus(status, "reading from", directory_);
  }
  return std::optional<std::string>(std::move(value));
}

Result<bool> RocksDbStore::Scan(
    const ScanRequest& request,
    const std::function<bool(std::string_view, std::string_view)>& visit) {
  CheckScan(request);
  if (request.begin >= request.end) {
    return false;
  }
  const rocksdb::Slice begin = ToSlice(request.begin);
  const rocksdb::Slice end = ToSlice(request.end);
  rocksdb::ReadOptions options;
  options.iterate_lower_bound = &begin;
  options.iterate_upper_bound = &end;
  const std::unique_ptr<rocksdb::Iterator> row(db_->NewIterator(options, Family(request.begin)));
  if (request.descending) {
    row->SeekToLast();
  } else {
    row->SeekToFirst();
  }
  size_t rows = 0;
  bool more = false;
  while (row->Valid()) {
    if (rows == request.rows_max) {
      more = true;
      break;
    }
    ++rows;
    if (!visit(ToView(row->key()), ToView(row->value()))) {
      more = true;
      break;
    }
    if (request.descending) {
      row->Prev();
    } else {
      row->Next();
    }
  }
  if (!row->status().ok()) {
    return ToStatus(row->status(), "reading from", directory_);
  }
  return more;
}

Status RocksDbStore::CheckRoom() const {
  PosixFileSystem posix_files;
  FileSystem& files = options_.files != nullptr ? *options_.files : posix_files;
  const Result<uint64_t> free = files.FreeBytes(directory_);
  if (!free.ok() || *free >= options_.free_bytes_min) {
    return Status::Ok();  // If it did not say, the write itself will tell.
  }
  return {Code::kDiskFull, "no room for records in " + EscapeForLog(directory_) + ": " +
                               FormatByteSize(*free) + " free; free some space"};
}

// Table files must not hold more than a log that ends in a torn record: RocksDB would refuse them.
bool RocksDbStore::IsSound() const {
  uint64_t errors = 0;
  return !write_failed_ &&
         db_->GetIntProperty(rocksdb::DB::Properties::kBackgroundErrors, &errors) && errors == 0;
}

Outcome RocksDbStore::Check(const Batch& batch) {
  if (batch.epoch < options_.epoch) {
    return {.kind = Outcome::Kind::kFenced,
            .detail = Status(Code::kFenced, "the shard has a newer owner")};
  }
  for (const Expectation& expectation : batch.expectations) {
    Result<std::optional<std::string>> value = Get(expectation.key);
    if (!value.ok()) {
      return {.kind = Outcome::Kind::kBusy, .detail = value.status()};
    }
    if (*value != expectation.value) {
      return {.kind = Outcome::Kind::kConflict,
              .detail = Status(Code::kConflict, "a record changed in the meantime")};
    }
  }
  return {.kind = Outcome::Kind::kDone, .detail = Status::Ok()};
}

Outcome RocksDbStore::Write(rocksdb::WriteBatch& writes) {
  rocksdb::WriteOptions options;
  options.sync = true;
  rocksdb::Status status = db_->Write(options, &writes);
  write_failed_ = write_failed_ || !status.ok();
  // A full disk, perhaps of a while ago and in the background, stops all writing until it is told
  // to go on. What had been written of these rows goes with the log that Resume() leaves behind.
  if (status.IsNoSpace() && db_->Resume().ok()) {
    status = db_->Write(options, &writes);
  }
  if (status.ok()) {
    return {.kind = Outcome::Kind::kDone, .detail = Status::Ok()};
  }
  // The log may hold all, a part or nothing of it.
  return {.kind = Outcome::Kind::kUnknown, .detail = ToStatus(status, "writing to", directory_)};
}

void RocksDbStore::Commit(std::span<const Batch> batches, std::span<Outcome> outcomes) {
  CheckBatches(batches, outcomes);
  const Status room = CheckRoom();
  // RocksDB counts each comparison of keys for whoever asks; nobody does.
  rocksdb::SetPerfLevel(rocksdb::PerfLevel::kDisable);
  size_t bytes = kBatchHeaderBytes;
  for (const Batch& batch : batches) {
    bytes += batch.bytes() + batch.writes.size() * kRowHeaderBytes;
  }
  rocksdb::WriteBatch writes(bytes);  // Does not grow by being copied.
  for (size_t i = 0; i < batches.size(); ++i) {
    outcomes[i] =
        room.ok() ? Check(batches[i]) : Outcome{.kind = Outcome::Kind::kBusy, .detail = room};
    if (outcomes[i].kind != Outcome::Kind::kDone) {
      continue;
    }
    for (const mailhaul::store::Write& write : batches[i].writes) {
      const rocksdb::Slice key = ToSlice(write.key);
      // Both only fail for a batch far larger than ours.
      const rocksdb::Status added = write.value
                                        ? writes.Put(Family(write.key), key, ToSlice(*write.value))
                                        : writes.Delete(Family(write.key), key);
      MH_CHECK(added.ok());
    }
  }
  if (writes.Count() == 0) {
    return;
  }
  const Outcome written = Write(writes);
  for (Outcome& outcome : outcomes) {
    if (outcome.kind == Outcome::Kind::kDone) {
      outcome = written;
    }
  }
}

Status RocksDbStore::CheckFiles() {
  // Whole files first; then block by block those that were written before checksums were noted.
  rocksdb::Status status = db_->VerifyFileChecksums({});
  if (status.ok()) {
    status = db_->VerifyChecksum();
  }
  if (status.IsPathNotFound() || status.IsNotFound()) {
    return {Code::kNotFound, Describe(status, "checking the files of", directory_)};
  }
  return status.ok() ? Status::Ok() : ToStatus(status, "checking the files of", directory_);
}

Status RocksDbStore::Checkpoint(const std::string& directory) {
  rocksdb::Checkpoint* created = nullptr;
  rocksdb::Status status = rocksdb::Checkpoint::Create(db_.get(), &created);
  const std::unique_ptr<rocksdb::Checkpoint> checkpoint(created);
  if (status.ok()) {
    status = checkpoint->CreateCheckpoint(directory);
  }
  return status.ok() ? Status::Ok() : ToStatus(status, "copying the records to", directory);
}

// RocksDB's account of what it does, for people. Without one the store works all the same.
std::shared_ptr<CountingLogger> OpenLog(const std::string& directory, const RocksDbOptions& options,
                                        const rocksdb::DBOptions& db) {
  // The one it would write through an injected file system asserts when the disk fails.
  std::shared_ptr<rocksdb::Logger> log = std::make_shared<SilentLogger>();
  if (options.files == nullptr) {
    std::shared_ptr<rocksdb::Logger> own;
    if (rocksdb::CreateLoggerFromOptions(directory, db, &own).ok()) {
      log = std::move(own);
    }
  }
  return std::make_shared<CountingLogger>(std::move(log));
}

// Opening a log renames the one that is there, before RocksDB locks the directory: who finds it
// locked leaves the log to the process that writes it.
rocksdb::Status CheckLock(const std::string& directory, rocksdb::Env& env) {
  rocksdb::FileLock* lock = nullptr;
  rocksdb::Status status = env.LockFile(directory + "/LOCK", &lock);
  return status.ok() ? env.UnlockFile(lock) : status;
}

// A store that an earlier version wrote last lacks the families of later keyspaces, and reading
// must not add them: `families` has the default one in their places.
rocksdb::Status OpenExistingFamilies(const RocksDbSettings& settings, const std::string& directory,
                                     std::vector<rocksdb::ColumnFamilyHandle*>& families,
                                     rocksdb::DB*& db) {
  std::vector<std::string> names;
  rocksdb::Status status = rocksdb::DB::ListColumnFamilies(settings.db, directory, &names);
  if (!status.ok()) {
    return status;
  }
  std::vector<rocksdb::ColumnFamilyDescriptor> existing;
  std::vector<size_t> places;
  for (size_t i = 0; i < settings.families.size(); ++i) {
    if (std::find(names.begin(), names.end(), settings.families[i].name) != names.end()) {
      existing.push_back(settings.families[i]);
      places.push_back(i);
    }
  }
  std::vector<rocksdb::ColumnFamilyHandle*> opened;
  status = rocksdb::DB::OpenForReadOnly(settings.db, directory, existing, &opened, &db);
  if (status.ok()) {
    families.assign(settings.families.size(), opened.front());  // The default family comes first.
    for (size_t i = 0; i < opened.size(); ++i) {
      families[places[i]] = opened[i];
    }
  }
  return status;
}

// A store that does not exist yet. Opening would create families that are missing, but writes and
// syncs its file of options after each.
rocksdb::Status OpenNew(const RocksDbSettings& settings, const std::string& directory,
                        std::vector<rocksdb::ColumnFamilyHandle*>& families, rocksdb::DB*& db) {
  rocksdb::Status status =
      rocksdb::DB::Open(settings.db, directory, {settings.families.front()}, &families, &db);
  if (!status.ok()) {
    return status;
  }
  std::vector<rocksdb::ColumnFamilyHandle*> created;
  status =
      db->CreateColumnFamilies({settings.families.begin() + 1, settings.families.end()}, &created);
  families.insert(families.end(), created.begin(), created.end());
  if (!status.ok()) {
    const std::unique_ptr<rocksdb::DB> closed(db);
    for (rocksdb::ColumnFamilyHandle* family : families) {
      static_cast<void>(closed->DestroyColumnFamilyHandle(family));
    }
    families.clear();
    db = nullptr;
  }
  return status;
}

}  // namespace

Result<std::unique_ptr<EmbeddedStore>> OpenRocksDb(const std::string& directory,
                                                   const RocksDbOptions& options) {
  PosixFileSystem posix_files;
  FileSystem& files = options.files != nullptr ? *options.files : posix_files;
  // RocksDB would create it, but not make its name durable.
  MH_RETURN_IF_ERROR(files.CreateDirectories(directory));
  RocksDbSettings settings = MakeRocksDbSettings(options);
  rocksdb::Status status = CheckLock(directory, *settings.db.env);
  if (!status.ok()) {
    return OpenFailure(status, directory);
  }
  settings.logger = OpenLog(directory, options, settings.db);
  settings.db.info_log = settings.logger;
  const bool is_new = files.Stat(directory + "/CURRENT").status().code() == Code::kNotFound;
  std::vector<rocksdb::ColumnFamilyHandle*> families;
  rocksdb::DB* db = nullptr;
  status = is_new ? OpenNew(settings, directory, families, db)
                  : rocksdb::DB::Open(settings.db, directory, settings.families, &families, &db);
  if (!status.ok()) {
    return OpenFailure(status, directory);
  }
  return std::unique_ptr<EmbeddedStore>(std::make_unique<RocksDbStore>(
      directory, options, settings, std::unique_ptr<rocksdb::DB>(db), std::move(families)));
}

Result<std::unique_ptr<EmbeddedStore>> OpenRocksDbReadOnly(const std::string& directory,
                                                           FileSystem* files) {
  PosixFileSystem posix_files;
  if (!(files != nullptr ? *files : posix_files).Stat(directory + "/CURRENT").ok()) {
    return Status(Code::kNotFound, "there is no store in " + EscapeForLog(directory));
  }
  RocksDbOptions options;
  options.files = files;
  RocksDbSettings settings = MakeRocksDbSettings(options);
  // All files are opened at once, so that a file that a running writer deletes stays readable.
  settings.db.max_open_files = -1;
  settings.db.max_file_opening_threads = kOpeningThreads;
  settings.logger = std::make_shared<CountingLogger>(std::make_shared<SilentLogger>());
  settings.db.info_log = settings.logger;
  constexpr int kAttempts = 5;
  rocksdb::Status status;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    std::vector<rocksdb::ColumnFamilyHandle*> families;
    rocksdb::DB* db = nullptr;
    status = OpenExistingFamilies(settings, directory, families, db);
    if (status.ok()) {
      return std::unique_ptr<EmbeddedStore>(std::make_unique<RocksDbStore>(
          directory, options, settings, std::unique_ptr<rocksdb::DB>(db), std::move(families)));
    }
    // A writer may replace files between the reading of its manifest and their opening.
  }
  return ToStatus(status, "opening the store for reading in", directory);
}

}  // namespace mailhaul::store
