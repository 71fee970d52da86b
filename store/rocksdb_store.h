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
#include "store/file_system.h"
#include "store/key_value_store.h"

namespace mailhaul::store {

struct RocksDbOptions {
  // Batches of an earlier epoch are fenced. One process that owns its data keeps 0.
  uint64_t epoch = 0;
  // Below this much free disk space commits are refused as busy, detail kDiskFull: compaction
  // needs room, and a log cut short would end the process's writing for good.
  uint64_t free_bytes_min = uint64_t{32} << 20;
  // Unwritten rows held in memory, of all keyspaces together; then a table file is written.
  size_t write_buffers_bytes = size_t{32} << 20;
  // What was read last, unpacked, with the tables' indexes and filters, which take some 12 bytes
  // for each row of what is read often.
  size_t block_cache_bytes = size_t{16} << 20;
  // Whether closing writes them to table files, which are half as large as the log, and spares the
  // next opening to do so. Not done after a failure. False leaves the log as a process that was
  // killed does.
  bool flush_at_close = true;
  // Where it lies. Null: on the operating system's, through RocksDB's own code. Must outlive the
  // store.
  FileSystem* files = nullptr;
};

// What a store on this machine's disk can do besides. Thread-safe.
class EmbeddedStore : public KeyValueStore {
 public:
  // Reads every table file whole and compares it with the checksums that were noted when it was
  // written. kCorrupt names the file; kNotFound: another process, which writes, has replaced it.
  // Takes as long as the disk needs.
  virtual Status CheckFiles() = 0;
  // How many damaged records at the log's end were passed over when it was opened, with all that
  // followed them. After a power cut that is what nobody had acknowledged yet; otherwise it is
  // damage.
  virtual uint64_t log_records_dropped() const = 0;
  // A store of its own in `directory`, which must not exist, with all that is durable now; in hard
  // links where the file system has them. Writers go on meanwhile.
  virtual Status Checkpoint(const std::string& directory) = 0;
};

// Creates the directory, and those above it, when they are missing. kStoreLocked when another
// process has it open, kCorrupt when its contents fail their checks.
Result<std::unique_ptr<EmbeddedStore>> OpenRocksDb(const std::string& directory,
                                                   const RocksDbOptions& options);

// What is durable now, also beside a process that has it open for writing; later commits are not
// seen, and Commit() fails. kNotFound when there is no store.
Result<std::unique_ptr<EmbeddedStore>> OpenRocksDbReadOnly(const std::string& directory,
                                                           FileSystem* files = nullptr);

}  // namespace mailhaul::store
