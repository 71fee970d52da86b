// Where CPU work runs: parsing, hashing, compressing. Never blocking I/O.
#pragma once

#include <functional>
#include <utility>

namespace mailhaul {

// Thread-safe.
class WorkPool {
 public:
  virtual ~WorkPool() = default;
  // Runs `work` once, on some thread, soon. Bounded by its callers: each item of work holds memory
  // credits, so no queue here can outgrow the memory budget.
  virtual void Submit(std::function<void()> work) = 0;
  // Before work that waits and is not urgent, of which some goes in between all the same. A pool
  // may know no difference.
  virtual void SubmitUrgent(std::function<void()> work) { Submit(std::move(work)); }
};

// A pool, for work that is all urgent or all not. Copies are the same; thread-safe.
class WorkLane final {
 public:
  WorkLane(WorkPool& pool, bool urgent) : pool_(&pool), urgent_(urgent) {}
  void Submit(std::function<void()> work) const {
    urgent_ ? pool_->SubmitUrgent(std::move(work)) : pool_->Submit(std::move(work));
  }

 private:
  WorkPool* pool_;
  bool urgent_;
};

// Runs the work before Submit() returns: for the simulator and unit tests.
class InlineWorkPool final : public WorkPool {
 public:
  void Submit(std::function<void()> work) override { work(); }
};

}  // namespace mailhaul
