// The seam below the mail store: ordered keys, bounded scans, one-shard atomic batches.
//
// RocksDB (rocksdb_store.h) is the embedded implementation; MemoryKeyValueStore serves tests. A
// fleet's store can take their place: nothing here assumes that the data is local. Thread-safe,
// except that Commit() is called by one thread only. All calls may block on disk.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/result.h"

namespace mailhaul::store {

inline constexpr size_t kKeyBytesMax = 1024;
inline constexpr size_t kValueBytesMax = 64 * 1024;
inline constexpr size_t kBatchBytesMax = 1024 * 1024;  // Keys and values of all writes.

struct Expectation {
  std::string key;
  std::optional<std::string> value;  // Must equal; absent: the key must not exist.
};

struct Write {
  std::string key;
  std::optional<std::string> value;  // Absent: delete the key.
};

// All or nothing. The first byte of a key names its keyspace (key_layout.h), the next two its
// shard: every key of a batch carries the batch's shard.
struct Batch {
  ShardId shard = 0;
  uint64_t epoch = 0;  // The fence: the batch is refused once the shard has a newer owner.
  std::vector<Expectation> expectations;
  std::vector<Write> writes;

  void Put(std::string key, std::string value) {
    writes.push_back({.key = std::move(key), .value = std::move(value)});
  }
  void Delete(std::string key) { writes.push_back({.key = std::move(key), .value = std::nullopt}); }
  size_t bytes() const;
};

struct Outcome {
  enum class Kind : uint8_t {
    kDone,      // Durable.
    kConflict,  // An expectation did not hold; nothing was written. Read again, decide again.
    kFenced,    // The shard has a newer owner; nothing was written. Give up the shard.
    kBusy,      // Nothing was written; the same batch may be tried again (disk full, overload).
    kUnknown,   // It may or may not be written. Read before acting on it.
  };
  Kind kind = Kind::kUnknown;
  Status detail;  // Not ok for everything but kDone: what happened and what to do.
};

struct ScanRequest {
  std::string begin;  // Inclusive.
  std::string end;    // Exclusive.
  bool descending = false;
  size_t rows_max = 1000;
};

class KeyValueStore {
 public:
  virtual ~KeyValueStore() = default;

  virtual Result<std::optional<std::string>> Get(std::string_view key) = 0;
  // Visits rows in key order until `visit` returns false or the limit is reached; the views die
  // when it returns. The result is true when rows may remain.
  virtual Result<bool> Scan(
      const ScanRequest& request,
      const std::function<bool(std::string_view key, std::string_view value)>& visit) = 0;
  // Commits the batches, at most one per shard, with one log sync for all of them; outcomes[i]
  // belongs to batches[i]. Returns when their fate is known. A batch over a limit, or with a key of
  // another shard, is a programmer error.
  virtual void Commit(std::span<const Batch> batches, std::span<Outcome> outcomes) = 0;
};

}  // namespace mailhaul::store
