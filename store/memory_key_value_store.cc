#include "store/memory_key_value_store.h"

#include <utility>

#include "base/check.h"
#include "store/batch_check.h"
#include "store/key_layout.h"

namespace mailhaul::store {
namespace {

using Kind = Outcome::Kind;

Outcome FaultOutcome(MemoryKeyValueStore::Fault fault) {
  using Fault = MemoryKeyValueStore::Fault;
  switch (fault) {
    case Fault::kBusy:
      return {.kind = Kind::kBusy, .detail = Status(Code::kBusy, "injected: busy")};
    case Fault::kDiskFull:
      return {.kind = Kind::kBusy, .detail = Status(Code::kDiskFull, "injected: disk full")};
    case Fault::kConflict:
      return {.kind = Kind::kConflict, .detail = Status(Code::kConflict, "injected: conflict")};
    case Fault::kUnknownApplied:
    case Fault::kUnknownLost:
      return {.kind = Kind::kUnknown,
              .detail = Status(Code::kUnknownOutcome, "injected: connection lost")};
    case Fault::kIo:
      break;
  }
  return {.kind = Kind::kUnknown, .detail = Status(Code::kIo, "injected: disk error")};
}

}  // namespace

Result<std::optional<std::string>> MemoryKeyValueStore::Get(std::string_view key) {
  MH_CHECK(key.size() >= kKeyPrefixBytes);
  const std::lock_guard lock(mutex_);
  const auto row = rows_.find(key);
  return row == rows_.end() ? std::optional<std::string>() : std::optional(row->second);
}

Result<bool> MemoryKeyValueStore::Scan(
    const ScanRequest& request,
    const std::function<bool(std::string_view, std::string_view)>& visit) {
  CheckScan(request);
  std::vector<std::pair<std::string, std::string>> found;
  bool more = false;
  if (request.begin < request.end) {
    const std::lock_guard lock(mutex_);
    const auto begin = rows_.lower_bound(request.begin);
    const auto end = rows_.lower_bound(request.end);
    if (request.descending) {
      for (auto row = end; row != begin && !more;) {
        --row;
        more = found.size() == request.rows_max;
        if (!more) {
          found.emplace_back(*row);
        }
      }
    } else {
      for (auto row = begin; row != end && !more; ++row) {
        more = found.size() == request.rows_max;
        if (!more) {
          found.emplace_back(*row);
        }
      }
    }
  }
  for (const auto& [key, value] : found) {
    if (!visit(key, value)) {
      return true;
    }
  }
  return more;
}

Outcome MemoryKeyValueStore::CheckLocked(const Batch& batch) const {
  const auto epoch = epochs_.find(batch.shard);
  if (epoch != epochs_.end() && batch.epoch < epoch->second) {
    return {.kind = Kind::kFenced, .detail = Status(Code::kFenced, "the shard has a newer owner")};
  }
  for (const Expectation& expectation : batch.expectations) {
    const auto row = rows_.find(expectation.key);
    const bool holds = row == rows_.end() ? !expectation.value
                                          : expectation.value && *expectation.value == row->second;
    if (!holds) {
      return {.kind = Kind::kConflict,
              .detail = Status(Code::kConflict, "a record changed in the meantime")};
    }
  }
  return {.kind = Kind::kDone, .detail = Status::Ok()};
}

void MemoryKeyValueStore::ApplyLocked(const Batch& batch) {
  for (const Write& write : batch.writes) {
    if (write.value) {
      rows_.insert_or_assign(write.key, *write.value);
    } else {
      rows_.erase(write.key);
    }
  }
}

void MemoryKeyValueStore::Commit(std::span<const Batch> batches, std::span<Outcome> outcomes) {
  CheckBatches(batches, outcomes);
  const std::lock_guard lock(mutex_);
  ++commits_;
  const bool frozen = frozen_after_ && commits_ > *frozen_after_;
  std::optional<Fault> fault;
  if (const auto waiting = faults_.find(commits_); waiting != faults_.end()) {
    fault = waiting->second;
    faults_.erase(waiting);
  }
  for (size_t i = 0; i < batches.size(); ++i) {
    if (frozen) {
      outcomes[i] = FaultOutcome(Fault::kUnknownLost);
      continue;
    }
    const Outcome checked = CheckLocked(batches[i]);
    outcomes[i] = fault ? FaultOutcome(*fault) : checked;
    if (checked.kind == Kind::kDone && (!fault || *fault == Fault::kUnknownApplied)) {
      ApplyLocked(batches[i]);
    }
  }
}

void MemoryKeyValueStore::InjectFault(uint64_t nth, Fault fault) {
  const std::lock_guard lock(mutex_);
  faults_[commits_ + nth] = fault;
}

void MemoryKeyValueStore::SetEpoch(ShardId shard, uint64_t epoch) {
  const std::lock_guard lock(mutex_);
  epochs_[shard] = epoch;
}

void MemoryKeyValueStore::FreezeAfter(uint64_t commits) {
  const std::lock_guard lock(mutex_);
  frozen_after_ = commits_ + commits;
}

void MemoryKeyValueStore::Thaw() {
  const std::lock_guard lock(mutex_);
  frozen_after_.reset();
}

uint64_t MemoryKeyValueStore::commits() const {
  const std::lock_guard lock(mutex_);
  return commits_;
}

size_t MemoryKeyValueStore::rows() const {
  const std::lock_guard lock(mutex_);
  return rows_.size();
}

void MemoryKeyValueStore::Tamper(const std::string& key, std::optional<std::string> value) {
  const std::lock_guard lock(mutex_);
  if (value) {
    rows_.insert_or_assign(key, *std::move(value));
  } else {
    rows_.erase(key);
  }
}

}  // namespace mailhaul::store
