// One event loop: a thread that runs callbacks, timers and ready coroutines, one at a time.
//
// Everything in connectors/ belongs to one loop and is touched by its thread only; Post() is the
// single way in from outside. An event callback only records and queues: coroutines are resumed
// from the ready list, never from inside a callback. Two implementations: UvLoop (uv_loop.h) and
// VirtualLoop (virtual_loop.h), where time moves only when there is nothing left to do.
#pragma once

#include <coroutine>
#include <cstdint>
#include <deque>
#include <functional>

#include "base/clock.h"

namespace mailhaul::net {

class Loop {
 public:
  using TimerId = uint64_t;  // 0 is no timer.

  virtual ~Loop() = default;
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // The loop whose thread runs the calling code; null on other threads.
  static Loop* Current();

  virtual TimePoint Now() const = 0;
  // Runs `work` on this loop, in the order posted. Thread-safe. Work posted to a loop that has
  // stopped is destroyed without being run.
  virtual void Post(std::function<void()> work) = 0;
  // Calls `fire` once at `when` or soon after. Loop thread only, as is CancelTimer().
  virtual TimerId AddTimer(TimePoint when, std::function<void()> fire) = 0;
  // Of an id that has fired or is 0: does nothing.
  virtual void CancelTimer(TimerId id) = 0;

  // Resumes `handle` from the ready list, first in first out. Loop thread only.
  void Ready(std::coroutine_handle<> handle);

 protected:
  Loop() = default;
  // Marks the calling thread as this loop's while it lives.
  class CurrentScope final {
   public:
    explicit CurrentScope(Loop* loop);
    ~CurrentScope();
    CurrentScope(const CurrentScope&) = delete;
    CurrentScope& operator=(const CurrentScope&) = delete;

   private:
    Loop* previous_;
  };
  // Resumes what is ready now, not what becomes ready meanwhile; false when nothing was.
  bool RunReady();
  bool has_ready() const { return !ready_.empty(); }
  // The ready list has just become non-empty.
  virtual void OnFirstReady() {}

 private:
  std::deque<std::coroutine_handle<>> ready_;
};

}  // namespace mailhaul::net
