#include "store/rocksdb_options.h"

#include <rocksdb/cache.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/table.h>

#include <string>

namespace mailhaul::store {
namespace {

constexpr size_t kBlockCacheBytes = size_t{16} << 20;
constexpr size_t kWriteBuffersBytes = size_t{32} << 20;  // Of all families together.
constexpr size_t kWriteBufferBytes = size_t{16} << 20;   // Of one family.
constexpr uint64_t kLogBytesMax = uint64_t{96} << 20;
constexpr uint64_t kTableFileBytes = uint64_t{32} << 20;
constexpr int kOpenFilesMax = 256;
constexpr int kBackgroundJobs = 2;
constexpr int kBloomBitsPerKey = 10;
constexpr size_t kBlockBytes = size_t{8} << 10;
constexpr size_t kInfoLogBytesMax = size_t{1} << 20;
constexpr size_t kInfoLogsMax = 3;

const char* FamilyName(Keyspace keyspace) {
  switch (keyspace) {
    case Keyspace::kMeta:
      return "meta";
    case Keyspace::kTenant:
      return "tenant";
    case Keyspace::kAssignment:
      return "assignment";
    case Keyspace::kMailbox:
      return "mailbox";
    case Keyspace::kFolder:
      return "folder";
    case Keyspace::kLedger:
      return "ledger";
    case Keyspace::kContent:
      return "content";
    case Keyspace::kPlacement:
      return "placement";
    case Keyspace::kMailboxDate:
      return "mailbox_date";
    case Keyspace::kTenantDate:
      return "tenant_date";
    case Keyspace::kContentHash:
      return "content_hash";
    case Keyspace::kUid:
      return "uid";
    case Keyspace::kBlob:
      return "blob";
    case Keyspace::kChange:
      return "change";
  }
  return "";
}

// Rows that are large and many: worth compressing. The rest are short keys with next to no value.
bool IsCompressed(Keyspace keyspace) {
  return keyspace == Keyspace::kContent || keyspace == Keyspace::kPlacement;
}

rocksdb::ColumnFamilyOptions FamilyOptions(Keyspace keyspace,
                                           const std::shared_ptr<rocksdb::Cache>& cache) {
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = cache;
  table.block_size = kBlockBytes;
  table.cache_index_and_filter_blocks = true;  // They count against the cache's bytes.
  table.pin_l0_filter_and_index_blocks_in_cache = true;
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(kBloomBitsPerKey));
  rocksdb::ColumnFamilyOptions family;
  family.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  family.write_buffer_size = kWriteBufferBytes;
  family.max_write_buffer_number = 2;
  family.target_file_size_base = kTableFileBytes;
  family.level_compaction_dynamic_level_bytes = true;
  family.compression = IsCompressed(keyspace) ? rocksdb::kLZ4Compression : rocksdb::kNoCompression;
  family.bottommost_compression = IsCompressed(keyspace) ? rocksdb::kZSTD : rocksdb::kNoCompression;
  return family;
}

}  // namespace

RocksDbSettings MakeRocksDbSettings() {
  RocksDbSettings settings;
  rocksdb::DBOptions& db = settings.db;
  db.create_if_missing = true;
  db.create_missing_column_families = true;
  db.paranoid_checks = true;
  db.max_background_jobs = kBackgroundJobs;
  db.max_open_files = kOpenFilesMax;
  db.db_write_buffer_size = kWriteBuffersBytes;
  db.max_total_wal_size = kLogBytesMax;
  // A power cut may leave the log's end torn or zeroed: everything up to there is taken, and all
  // that was acknowledged was synced and so lies before it.
  db.wal_recovery_mode = rocksdb::WALRecoveryMode::kPointInTimeRecovery;
  db.atomic_flush = false;  // The log covers all families.
  db.keep_log_file_num = kInfoLogsMax;
  db.max_log_file_size = kInfoLogBytesMax;
  db.info_log_level = rocksdb::WARN_LEVEL;
  db.stats_dump_period_sec = 0;
  db.stats_persist_period_sec = 0;
  db.enable_thread_tracking = false;

  const std::shared_ptr<rocksdb::Cache> cache = rocksdb::NewLRUCache(kBlockCacheBytes);
  settings.families.emplace_back(rocksdb::kDefaultColumnFamilyName, rocksdb::ColumnFamilyOptions());
  for (uint8_t keyspace = kKeyspaceFirst; keyspace <= kKeyspaceLast; ++keyspace) {
    const auto value = static_cast<Keyspace>(keyspace);
    settings.families.emplace_back(FamilyName(value), FamilyOptions(value, cache));
  }
  return settings;
}

}  // namespace mailhaul::store
