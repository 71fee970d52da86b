// The process's one memory budget. Bytes in flight (fetched, not yet committed) are drawn from it,
// so that a slow disk slows the sockets instead of growing the heap.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>

namespace mailhaul {

// Thread-safe. Waiters are served first come, first served, so a large request is not starved by
// small ones. A request larger than the whole budget is granted once everything else is returned.
class MemoryBudget final {
 public:
  explicit MemoryBudget(size_t bytes_max);
  ~MemoryBudget();
  MemoryBudget(const MemoryBudget&) = delete;
  MemoryBudget& operator=(const MemoryBudget&) = delete;

  bool TryTake(size_t bytes);
  // Calls `granted` exactly once, with the bytes taken: before returning when there is room, else
  // later, on the thread that gives bytes back (hand over to your own loop there).
  void Take(size_t bytes, std::function<void()> granted);
  // Takes without waiting, beyond the budget if need be: for a server that sends more than it
  // announced, where the excess is bounded by the caller.
  void ForceTake(size_t bytes);
  void Give(size_t bytes);

  size_t bytes_max() const { return bytes_max_; }
  size_t bytes_taken() const;
  size_t bytes_peak() const;

 private:
  struct Waiter {
    size_t bytes;
    std::function<void()> granted;
  };
  bool FitsLocked(size_t bytes) const;

  const size_t bytes_max_;
  mutable std::mutex mutex_;
  size_t taken_ = 0;            // Guarded by mutex_.
  size_t peak_ = 0;             // Guarded by mutex_.
  std::deque<Waiter> waiters_;  // Guarded by mutex_. At most one per session.
};

}  // namespace mailhaul
