// Blocking work awaited from a loop.
#pragma once

#include <functional>
#include <memory>
#include <utility>

#include "base/work_pool.h"
#include "connectors/net/task.h"

namespace mailhaul::http {

// Runs `work` on `pool` and completes on the calling loop with what it returned. The loop must run
// until then. At most one per connection, so the pool's queue is bounded by kConnectionsMax.
template <typename T>
net::Task<T> OnPool(WorkPool& pool, std::function<T()> work) {
  net::OneShot<T> done;
  net::OneShot<T>* target = &done;
  net::Loop* loop = net::Loop::Current();
  std::function<void()> job = [target, loop, work = std::move(work)] {
    // Shared only because std::function copies; one party at a time touches it.
    auto value = std::make_shared<T>(work());
    loop->Post([target, value] { target->Set(std::move(*value)); });
  };
  pool.Submit(std::move(job));
  T value = co_await done.Wait();
  co_return value;
}

}  // namespace mailhaul::http
