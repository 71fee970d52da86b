// A KeyValueStore in memory, for tests: same contract as the real ones, and failures on demand.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>

#include "store/key_value_store.h"

namespace mailhaul::store {

// Thread-safe. What a commit calls done is "durable": it is what a new MailStore finds after a
// simulated crash.
class MemoryKeyValueStore final : public KeyValueStore {
 public:
  Result<std::optional<std::string>> Get(std::string_view key) override;
  Result<bool> Scan(const ScanRequest& request,
                    const std::function<bool(std::string_view, std::string_view)>& visit) override;
  void Commit(std::span<const Batch> batches, std::span<Outcome> outcomes) override;

  enum class Fault {
    kBusy,
    kDiskFull,  // Busy, detail kDiskFull.
    kConflict,
    kUnknownApplied,  // Reported unknown, but written.
    kUnknownLost,     // Reported unknown, and not written.
    kIo,              // Unknown and not written, detail kIo.
  };
  // The `nth` Commit() from now, 1 being the next, ends so for all its batches. Several may wait.
  void InjectFault(uint64_t nth, Fault fault);
  // Batches of `shard` below `epoch` are fenced.
  void SetEpoch(ShardId shard, uint64_t epoch);
  // The process "dies" after `commits` more calls of Commit(): later ones change nothing and end
  // as unknown. Reads go on. Thaw() is the restart.
  void FreezeAfter(uint64_t commits);
  void Freeze() { FreezeAfter(0); }
  void Thaw();

  uint64_t commits() const;  // Calls of Commit() so far.
  size_t rows() const;
  // Overwrites a row behind the callers' back; an absent value deletes it.
  void Tamper(const std::string& key, std::optional<std::string> value);

 private:
  Outcome CheckLocked(const Batch& batch) const;
  void ApplyLocked(const Batch& batch);

  mutable std::mutex mutex_;
  std::map<std::string, std::string, std::less<>> rows_;  // All guarded by mutex_.
  std::map<uint64_t, Fault> faults_;                      // By number of the commit.
  std::map<ShardId, uint64_t> epochs_;
  uint64_t commits_ = 0;
  std::optional<uint64_t> frozen_after_;  // Number of the last commit that counts.
};

}  // namespace mailhaul::store
