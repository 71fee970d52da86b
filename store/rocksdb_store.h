// The embedded KeyValueStore: RocksDB, one column family per keyspace.
//
// A commit is one write group with one log sync, so what Commit() calls done survives a power cut.
// Memory: write buffers and block cache together stay below 64 MiB. README.md gives the settings
// and why.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/result.h"
#include "store/key_value_store.h"

namespace mailhaul::store {

struct RocksDbOptions {
  // Batches of an earlier epoch are fenced. One process that owns its data keeps 0.
  uint64_t epoch = 0;
  // Below this much free disk space commits are refused as busy, detail kDiskFull: compaction
  // needs room, and a log cut short would end the process's writing for good.
  uint64_t free_bytes_min = uint64_t{32} << 20;
};

// Creates the directory when it is missing; its parent must exist. kStoreLocked when another
// process has it open, kCorrupt when its contents fail their checks.
Result<std::unique_ptr<KeyValueStore>> OpenRocksDb(const std::string& directory,
                                                   const RocksDbOptions& options);

// What is durable now, also beside a process that has it open for writing; later commits are not
// seen, and Commit() fails. kNotFound when there is no store.
Result<std::unique_ptr<KeyValueStore>> OpenRocksDbReadOnly(const std::string& directory);

}  // namespace mailhaul::store
