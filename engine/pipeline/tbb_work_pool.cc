#include "engine/pipeline/tbb_work_pool.h"

#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/task_arena.h>
#include <oneapi/tbb/task_group.h>

#include <utility>

namespace mailhaul::pipeline {

struct TbbWorkPool::Impl {
  explicit Impl(int threads)
      // Without it oneTBB starts one worker less than there are cores, since it counts on the
      // submitting thread to help; ours are event loops, which never wait inside the arena.
      : parallelism(tbb::global_control::max_allowed_parallelism, static_cast<size_t>(threads) + 1),
        arena(threads, /*reserved_for_masters=*/0) {}

  tbb::global_control parallelism;
  tbb::task_arena arena;
  tbb::task_group group;
};

TbbWorkPool::TbbWorkPool(int threads) : impl_(std::make_unique<Impl>(threads)) {}

TbbWorkPool::~TbbWorkPool() {
  impl_->arena.execute([this] { impl_->group.wait(); });
}

void TbbWorkPool::Submit(std::function<void()> work) {
  impl_->arena.enqueue(impl_->group.defer(std::move(work)));
}

}  // namespace mailhaul::pipeline
