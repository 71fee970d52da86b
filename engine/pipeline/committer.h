// One writer for the whole process: groups finished messages of many sessions into durable batches.
//
// Everything that changes the store passes through here, but for bodies that no message has yet,
// which may be written beside it. Messages that arrive while a commit is being synced form the next
// group, or within kGroupTime behind it, unless somebody waits for them: a sync costs as much for
// one as for a hundred. Two drivers of one core: a thread, or a virtual loop.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/work_pool.h"
#include "connectors/net/loop.h"
#include "engine/pipeline/blocking_pool.h"
#include "store/mail_store.h"

namespace mailhaul::pipeline {

class Committer {
 public:
  virtual ~Committer() = default;

  // Runs `operation` on the writer, after the operations submitted before it, but ahead of commits
  // that have not begun: await those first if it depends on them. Thread-safe.
  virtual void Run(std::function<void()> operation) = 0;
  // Runs `operation` after those submitted so before it, perhaps beside commits and the others: for
  // writing bodies that arrive in parts (BlobStore::Writer), which no commit waits for.
  // Thread-safe.
  virtual void RunBeside(std::function<void()> operation) { Run(std::move(operation)); }
  // Commits `batch`; then calls `done` on the writer with the batch's status and counts filled.
  // Thread-safe. Memory is bounded by the credits that each message of a batch holds.
  virtual void Commit(std::unique_ptr<store::IngestBatch> batch,
                      std::function<void(store::IngestBatch&)> done) = 0;
  // Somebody waits for what was submitted: its commit begins as soon as it can. Thread-safe.
  virtual void Hurry() {}
};

// From the end of one commit to the begin of the next, if nobody waits for it and it is small.
inline constexpr Duration kGroupTime = std::chrono::milliseconds(10);

namespace internal {

struct CommitItem {
  std::function<void()> operation;  // Or, when empty:
  std::unique_ptr<store::IngestBatch> batch;
  std::function<void(store::IngestBatch&)> done;
};

// What a batch carries of its messages.
size_t BodyBytes(const store::IngestBatch& batch);

// Runs the operations in order, then commits all batches in as few groups as their size allows.
void ProcessItems(store::MailStore& store, std::deque<CommitItem>& items);

}  // namespace internal

// A thread of its own, and one for what runs beside. The destructor commits what was submitted,
// then ends them.
class ThreadCommitter final : public Committer {
 public:
  explicit ThreadCommitter(store::MailStore& store, Duration group_time = kGroupTime);
  ~ThreadCommitter() override;
  void Run(std::function<void()> operation) override;
  void RunBeside(std::function<void()> operation) override { beside_.Submit(std::move(operation)); }
  void Commit(std::unique_ptr<store::IngestBatch> batch,
              std::function<void(store::IngestBatch&)> done) override;
  void Hurry() override;

 private:
  // Waits for something to do and takes it. False: the end.
  bool Take(std::deque<internal::CommitItem>& items);
  // The batches are to be committed now.
  bool IsDue() const;
  void Loop();

  store::MailStore& store_;
  const Duration group_time_;
  const SystemClock clock_;
  std::mutex mutex_;
  std::condition_variable wake_;
  // Guarded by mutex_:
  std::deque<internal::CommitItem> operations_;
  std::deque<internal::CommitItem> batches_;
  size_t batch_bytes_ = 0;
  TimePoint rests_until_{};
  bool hurry_ = false;
  bool stopping_ = false;
  BlockingPool beside_{1};
  std::thread thread_;
};

// Runs on a loop, `delay` after the first item of a group: a disk under the simulator's clock.
class LoopCommitter final : public Committer {
 public:
  LoopCommitter(store::MailStore& store, net::Loop& loop, Duration delay)
      : store_(store), loop_(loop), delay_(delay) {}
  void Run(std::function<void()> operation) override;
  ~LoopCommitter() override { loop_.CancelTimer(timer_); }  // What waits is lost, as by a crash.
  void Commit(std::unique_ptr<store::IngestBatch> batch,
              std::function<void(store::IngestBatch&)> done) override;

 private:
  void Submit(internal::CommitItem item);

  store::MailStore& store_;
  net::Loop& loop_;
  const Duration delay_;
  std::deque<internal::CommitItem> items_;
  net::Loop::TimerId timer_ = 0;
};

// Work that is to run on the committer's thread, for those who know of work pools only.
class CommitterPool final : public WorkPool {
 public:
  explicit CommitterPool(Committer& committer) : committer_(committer) {}
  void Submit(std::function<void()> work) override { committer_.Run(std::move(work)); }

 private:
  Committer& committer_;
};

}  // namespace mailhaul::pipeline
