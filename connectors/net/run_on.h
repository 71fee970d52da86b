// Blocking or heavy work awaited from a loop.
#pragma once

#include <functional>
#include <memory>
#include <utility>

#include "base/work_pool.h"
#include "connectors/net/task.h"

namespace mailhaul::net {

// Hands `work` to `submit` and completes on the calling loop with what it returned. The loop must
// run until then. `work` owns what it needs, or borrows from the awaiting frame.
template <typename T, typename Submit>
Task<T> RunThrough(Submit submit, std::function<T()> work) {
  OneShot<T> result;
  OneShot<T>* target = &result;
  Loop* loop = Loop::Current();
  std::function<void()> job = [target, loop, call = std::move(work)] {
    // Shared only because std::function copies; one party at a time touches it.
    auto value = std::make_shared<T>(call());
    loop->Post([target, value] { target->Set(std::move(*value)); });
  };
  submit(std::move(job));
  co_return co_await result.Wait();
}

template <typename T>
Task<T> RunOn(WorkPool& pool, std::function<T()> work) {
  const auto submit = [&pool](std::function<void()> job) { pool.Submit(std::move(job)); };
  return RunThrough<T>(submit, std::move(work));
}

}  // namespace mailhaul::net
