// The work of one owner on a pool, which can be brought forward when somebody waits for it.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <mutex>

#include "base/work_pool.h"

namespace mailhaul::pipeline {

// Belongs to one thread. What was submitted runs once, in the order of submission, on the pool's
// threads; it may run when the lane is gone, but not when the pool is.
class WorkLane final {
 public:
  explicit WorkLane(WorkPool& pool) : pool_(pool) {}
  WorkLane(const WorkLane&) = delete;
  WorkLane& operator=(const WorkLane&) = delete;

  void Submit(std::function<void()> work);
  // While it is urgent, what waits and what is submitted goes before other lanes' work.
  void SetUrgent(bool urgent);

 private:
  struct Waiting {
    void RunNext();  // If anything waits.

    std::mutex mutex;
    std::deque<std::function<void()>> work;  // Guarded by mutex.
  };

  void SubmitNext();

  WorkPool& pool_;
  bool urgent_ = false;
  // The pool may be told of some work more often than there is: when it became urgent, once more.
  const std::shared_ptr<Waiting> waiting_ = std::make_shared<Waiting>();
};

}  // namespace mailhaul::pipeline
