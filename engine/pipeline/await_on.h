// Awaiting work that runs elsewhere: on a WorkPool, or on the committer's thread.
#pragma once

#include <functional>
#include <utility>

#include "base/work_pool.h"
#include "connectors/net/task.h"
#include "engine/pipeline/committer.h"

namespace mailhaul::pipeline {

// Runs `work` on `pool` and gives its result back on the calling loop. `work` owns what it needs or
// borrows from the awaiting frame.
template <typename T>
net::Task<T> RunOn(WorkPool& pool, std::function<T()> work) {
  net::OneShot<T> result;
  net::OneShot<T>* target = &result;
  net::Loop* loop = net::Loop::Current();
  pool.Submit([loop, target, call = std::move(work)] {
    auto value = std::make_shared<T>(call());
    loop->Post([target, value] { target->Set(std::move(*value)); });
  });
  co_return co_await result.Wait();
}

template <typename T>
net::Task<T> RunOn(Committer& committer, std::function<T()> work) {
  net::OneShot<T> result;
  net::OneShot<T>* target = &result;
  net::Loop* loop = net::Loop::Current();
  committer.Run([loop, target, call = std::move(work)] {
    auto value = std::make_shared<T>(call());
    loop->Post([target, value] { target->Set(std::move(*value)); });
  });
  co_return co_await result.Wait();
}

}  // namespace mailhaul::pipeline
