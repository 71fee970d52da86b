// The CPU arena: a WorkPool on oneTBB, for parsing, hashing and encoding.
#pragma once

#include <functional>
#include <memory>

#include "base/work_pool.h"

namespace mailhaul::pipeline {

class TbbWorkPool final : public WorkPool {
 public:
  explicit TbbWorkPool(int threads);
  ~TbbWorkPool() override;  // Waits for all work.
  void Submit(std::function<void()> work) override;
  void SubmitUrgent(std::function<void()> work) override;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace mailhaul::pipeline
