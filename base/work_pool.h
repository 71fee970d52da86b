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
  // Before all that waits and is not urgent itself, where the pool can do that.
  virtual void SubmitUrgent(std::function<void()> work) { Submit(std::move(work)); }
};

// Runs the work before Submit() returns: for the simulator and unit tests.
class InlineWorkPool final : public WorkPool {
 public:
  void Submit(std::function<void()> work) override { work(); }
};

}  // namespace mailhaul
