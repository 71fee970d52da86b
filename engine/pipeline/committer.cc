#include "engine/pipeline/committer.h"

#include <utility>

namespace mailhaul::pipeline {
namespace internal {
namespace {

// Bounds how long a group's first message waits for its last.
constexpr size_t kGroupBytesMax = size_t{16} << 20;
constexpr size_t kGroupBatchesMax = 4096;

size_t BodyBytes(const store::IngestBatch& batch) {
  size_t total = 0;
  for (const store::IngestMessage& message : batch.messages) {
    total += message.body.size() + message.content.size();
  }
  return total;
}

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

ThreadCommitter::ThreadCommitter(store::MailStore& store)
    : store_(store), thread_([this] { Loop(); }) {}

ThreadCommitter::~ThreadCommitter() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void ThreadCommitter::Submit(CommitItem item) {
  {
    const std::lock_guard lock(mutex_);
    items_.push_back(std::move(item));
  }
  wake_.notify_one();
}

void ThreadCommitter::Run(std::function<void()> operation) {
  Submit({.operation = std::move(operation), .batch = nullptr, .done = nullptr});
}

void ThreadCommitter::Commit(std::unique_ptr<store::IngestBatch> batch,
                             std::function<void(store::IngestBatch&)> done) {
  Submit({.operation = nullptr, .batch = std::move(batch), .done = std::move(done)});
}

void ThreadCommitter::Loop() {
  std::deque<CommitItem> items;
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return stopping_ || !items_.empty(); });
      if (items_.empty()) {
        return;
      }
      items.swap(items_);
    }
    internal::ProcessItems(store_, items);
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
