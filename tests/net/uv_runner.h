// Runs one coroutine on a loop of its own, to its end.
#pragma once

#include <functional>
#include <utility>

#include "connectors/net/task.h"
#include "connectors/net/uv_loop.h"

namespace mailhaul::net {

inline Task<void> ThenStop(Task<void> task, UvLoop* loop) {
  co_await std::move(task);
  loop->Stop();
}

// `body` makes the task; it gets the loop, on the loop's thread.
inline void RunOnUvLoop(const std::function<Task<void>(UvLoop&)>& body) {
  UvLoop loop;
  TaskGroup group;
  loop.Post([&] { group.Spawn(ThenStop(body(loop), &loop)); });
  loop.Run();
}

}  // namespace mailhaul::net
