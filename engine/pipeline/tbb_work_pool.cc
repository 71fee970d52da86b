#include "engine/pipeline/tbb_work_pool.h"

#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/task_arena.h>
#include <oneapi/tbb/task_group.h>

#include <deque>
#include <mutex>
#include <utility>

namespace mailhaul::pipeline {
namespace {

// Then a piece of ordinary work that waits.
constexpr int kUrgentInARow = 4;

}  // namespace

// The work itself lies in our own queue and oneTBB only says when to take one: Debian's libtbb is
// not instrumented, so without the mutex the thread sanitizer would see no order between the thread
// that submits and the one that runs. For the same reason this file alone is compiled without it.
struct TbbWorkPool::Impl {
  using Queue = std::deque<std::function<void()>>;

  explicit Impl(int threads)
      // Without it oneTBB starts one worker less than there are cores, since it counts on the
      // submitting thread to help; ours are event loops, which never wait inside the arena.
      : parallelism(tbb::global_control::max_allowed_parallelism, static_cast<size_t>(threads) + 1),
        arena(threads, /*reserved_for_masters=*/0) {}

  void Submit(std::function<void()> work, Queue& queue) {
    {
      const std::lock_guard lock(mutex);
      queue.push_back(std::move(work));
    }
    arena.enqueue(group.defer([this] { RunOne(); }));
  }

  void RunOne() {
    std::function<void()> next;
    {
      const std::lock_guard lock(mutex);
      // Of both there is always something done: a session, too, may wait for what is not urgent.
      const bool passed_over_enough = urgent_in_a_row >= kUrgentInARow && !ordinary.empty();
      const bool is_urgent = !urgent.empty() && !passed_over_enough;
      urgent_in_a_row = is_urgent ? urgent_in_a_row + 1 : 0;
      Queue& queue = is_urgent ? urgent : ordinary;
      next = std::move(queue.front());
      queue.pop_front();
    }
    next();
    next = nullptr;
    const std::lock_guard lock(mutex);  // What it did happened before the pool's end.
  }

  tbb::global_control parallelism;
  tbb::task_arena arena;
  tbb::task_group group;
  std::mutex mutex;
  // Guarded by mutex. Together as long as tasks are enqueued.
  Queue urgent;
  Queue ordinary;
  int urgent_in_a_row = 0;  // Guarded by mutex.
};

TbbWorkPool::TbbWorkPool(int threads) : impl_(std::make_unique<Impl>(threads)) {}

TbbWorkPool::~TbbWorkPool() {
  impl_->arena.execute([this] { impl_->group.wait(); });
  // Pairs with the end of RunOne(); released before the mutex dies.
  { const std::lock_guard lock(impl_->mutex); }
}

void TbbWorkPool::Submit(std::function<void()> work) {
  impl_->Submit(std::move(work), impl_->ordinary);
}

void TbbWorkPool::SubmitUrgent(std::function<void()> work) {
  impl_->Submit(std::move(work), impl_->urgent);
}

}  // namespace mailhaul::pipeline
