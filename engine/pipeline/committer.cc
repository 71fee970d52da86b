#include "engine/pipeline/committer.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "connectors/net/wake_hold.h"

namespace mailhaul::pipeline {
namespace internal {
namespace {

// Bounds how long a group's first message waits for its last.
constexpr size_t kGroupBytesMax = size_t{16} << 20;
constexpr size_t kGroupBatchesMax = 4096;

}  // namespace

size_t BodyBytes(const store::IngestBatch& batch) {
  size_t total = 0;
  for (const store::IngestMessage& message : batch.messages) {
    total += message.body.size() + message.content.size();
  }
  return total;
}

namespace {

void CommitGroup(store::MailStore& store, std::vector<CommitItem>& group) {
  if (group.empty()) {
    return;
  }
  std::vector<store::IngestBatch*> batches;
  batches.reserve(group.size());
  for (CommitItem& item : group) {
    batches.push_back(item.batch.get());
  }
  store.Append(batches);
  const net::WakeHold together;
  for (CommitItem& item : group) {
    item.done(*item.batch);
    item.batch.reset();
  }
  group.clear();
}

}  // namespace

void ProcessItems(store::MailStore& store, std::deque<CommitItem>& items) {
  // Operations first: somebody waits for each, and none depends on a commit of this round.
  for (CommitItem& item : items) {
    if (item.operation) {
      item.operation();
    }
  }
  std::vector<CommitItem> group;
  size_t group_bytes = 0;
  for (CommitItem& item : items) {
    if (item.operation) {
      continue;
    }
    group_bytes += BodyBytes(*item.batch);
    group.push_back(std::move(item));
    if (group_bytes >= kGroupBytesMax || group.size() >= kGroupBatchesMax) {
      CommitGroup(store, group);
      group_bytes = 0;
    }
  }
  CommitGroup(store, group);
  items.clear();
}

}  // namespace internal

using internal::CommitItem;

namespace {

// So much is not held back: it fills the writes that it is collected into.
constexpr size_t kRestBytesMax = size_t{4} << 20;

}  // namespace

ThreadCommitter::ThreadCommitter(store::MailStore& store, Duration group_time)
    : store_(store), group_time_(group_time), thread_([this] { Loop(); }) {}

ThreadCommitter::~ThreadCommitter() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void ThreadCommitter::Run(std::function<void()> operation) {
  {
    const std::lock_guard lock(mutex_);
    operations_.push_back({.operation = std::move(operation), .batch = nullptr, .done = nullptr});
  }
  wake_.notify_one();
}

void ThreadCommitter::Commit(std::unique_ptr<store::IngestBatch> batch,
                             std::function<void(store::IngestBatch&)> done) {
  bool wake = false;
  {
    const std::lock_guard lock(mutex_);
    wake = batches_.empty();
    batch_bytes_ += internal::BodyBytes(*batch);
    batches_.push_back({.operation = nullptr, .batch = std::move(batch), .done = std::move(done)});
    wake = wake || IsDue();
  }
  if (wake) {
    wake_.notify_one();
  }
}

void ThreadCommitter::Hurry() {
  bool wake = false;
  {
    const std::lock_guard lock(mutex_);
    wake = !batches_.empty() && !std::exchange(hurry_, true);
  }
  if (wake) {
    wake_.notify_one();
  }
}

bool ThreadCommitter::IsDue() const {
  return !batches_.empty() && (stopping_ || hurry_ || batch_bytes_ >= kRestBytesMax);
}

bool ThreadCommitter::Take(std::deque<CommitItem>& items) {
  std::unique_lock lock(mutex_);
  for (;;) {
    const TimePoint now = clock_.Now();
    const bool due = IsDue() || (!batches_.empty() && now >= rests_until_);
    if (due || !operations_.empty()) {
      items.swap(operations_);
      if (due) {
        std::move(batches_.begin(), batches_.end(), std::back_inserter(items));
        batches_.clear();
        batch_bytes_ = 0;
        hurry_ = false;
      }
      return true;
    }
    if (!batches_.empty()) {
      wake_.wait_for(lock, rests_until_ - now);
    } else if (stopping_) {
      return false;
    } else {
      wake_.wait(lock);
    }
  }
}

void ThreadCommitter::Loop() {
  std::deque<CommitItem> items;
  while (Take(items)) {
    const bool committed = !items.back().operation;
    internal::ProcessItems(store_, items);
    if (committed) {
      const std::lock_guard lock(mutex_);
      rests_until_ = clock_.Now() + group_time_;
    }
  }
}

void LoopCommitter::Submit(CommitItem item) {
  items_.push_back(std::move(item));
  if (timer_ == 0) {
    timer_ = loop_.AddTimer(loop_.Now() + delay_, [this] {
      timer_ = 0;
      std::deque<CommitItem> items;
      items.swap(items_);
      internal::ProcessItems(store_, items);
    });
  }
}

void LoopCommitter::Run(std::function<void()> operation) {
  Submit({.operation = std::move(operation), .batch = nullptr, .done = nullptr});
}

void LoopCommitter::Commit(std::unique_ptr<store::IngestBatch> batch,
                           std::function<void(store::IngestBatch&)> done) {
  Submit({.operation = nullptr, .batch = std::move(batch), .done = std::move(done)});
}

}  // namespace mailhaul::pipeline
