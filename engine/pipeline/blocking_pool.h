// A few threads for calls that block on disk: store reads. Never CPU work, never an event loop.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "base/work_pool.h"

namespace mailhaul::pipeline {

class BlockingPool final : public WorkPool {
 public:
  explicit BlockingPool(int threads);
  ~BlockingPool() override;  // Finishes all work.
  // Its callers bound the queue: one call per session or HTTP request is out at a time.
  void Submit(std::function<void()> work) override;

 private:
  void Loop();

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> work_;  // Guarded by mutex_.
  bool stopping_ = false;                   // Guarded by mutex_.
  std::vector<std::thread> threads_;
};

}  // namespace mailhaul::pipeline
