// Task<T>: a lazy coroutine for conversations, in a narrow dialect that g++ 12 compiles correctly.
//
// Awaiting a Task starts it at once on the caller's stack and goes on without suspending when it
// finishes; otherwise its completion puts the caller on the loop's ready list. There is no
// symmetric transfer, so the stack never grows with the length of a conversation.
//
// The dialect (checked by tools/tidy.py):
//   D1  an await is a whole statement: `T x = co_await f();`, `CO_TRY(T x, f());`,
//       `co_return co_await f();`; never in a condition, an argument or a loop head
//   D2  no lambda and no braces inside an awaited call: name the value first
//   D3  no lambda coroutines
//   D4  background tasks live in a TaskGroup, which its owner drains before dying
//   D5  a Task is awaited once, as an rvalue, on the loop that made it
//   D6  cancelling = Stream::Abort(): the pending await fails and the code unwinds itself
//   D7  reference arguments live until the task completes; no lock is held across an await
//   D8  CPU work goes to a WorkPool and is awaited through OneShot
//   D9  exceptions do not leave a coroutine: one that tries aborts the process
#pragma once

#include <coroutine>
#include <optional>
#include <type_traits>
#include <utility>

#include "base/check.h"
#include "base/result.h"
#include "connectors/net/loop.h"

namespace mailhaul::net {

template <typename T>
class Task;

namespace internal {

struct FinalAwaiter {
  bool await_ready() const noexcept { return false; }
  template <typename Promise>
  void await_suspend(std::coroutine_handle<Promise> handle) const noexcept {
    if (handle.promise().continuation) {
      Loop::Current()->Ready(handle.promise().continuation);
    }
  }
  void await_resume() const noexcept {}
};

struct PromiseBase {
  std::coroutine_handle<> continuation;
  std::suspend_always initial_suspend() const noexcept { return {}; }
  FinalAwaiter final_suspend() const noexcept { return {}; }
  [[noreturn]] void unhandled_exception() const {
    CheckFailed("no exception leaves a coroutine", __FILE__, __LINE__);
  }
};

template <typename T>
struct Promise : PromiseBase {
  std::optional<T> value;
  Task<T> get_return_object();
  template <typename U>
  void return_value(U&& result) {
    value.emplace(std::forward<U>(result));
  }
  T Take() { return std::move(*value); }
};

template <>
struct Promise<void> : PromiseBase {
  Task<void> get_return_object();
  void return_void() const {}
  void Take() const {}
};

}  // namespace internal

template <typename T>
class [[nodiscard]] Task final {
 public:
  using promise_type = internal::Promise<T>;
  using Handle = std::coroutine_handle<promise_type>;

  explicit Task(Handle handle) : handle_(handle) {}
  Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Task& operator=(Task&&) = delete;
  Task(const Task&) = delete;
  ~Task() {
    if (handle_) {
      handle_.destroy();
    }
  }

  struct Awaiter {
    Handle handle;
    bool await_ready() const {
      handle.resume();
      return handle.done();
    }
    void await_suspend(std::coroutine_handle<> caller) const {
      handle.promise().continuation = caller;
    }
    T await_resume() const { return handle.promise().Take(); }
  };
  Awaiter operator co_await() && { return Awaiter{handle_}; }

 private:
  Handle handle_;
};

namespace internal {

template <typename T>
Task<T> Promise<T>::get_return_object() {
  return Task<T>(std::coroutine_handle<Promise<T>>::from_promise(*this));
}
inline Task<void> Promise<void>::get_return_object() {
  return Task<void>(std::coroutine_handle<Promise<void>>::from_promise(*this));
}

}  // namespace internal

// A value that one coroutine waits for and a callback on the same loop delivers. Reusable once the
// value was taken. Must outlive the wait.
template <typename T>
class OneShot final {
 public:
  OneShot() = default;
  OneShot(const OneShot&) = delete;
  OneShot& operator=(const OneShot&) = delete;

  // Loop thread; at most one value may lie untaken.
  void Set(T value) {
    MH_CHECK(!value_.has_value());
    value_.emplace(std::move(value));
    if (waiter_) {
      Loop::Current()->Ready(std::exchange(waiter_, nullptr));
    }
  }
  bool waiting() const { return waiter_ != nullptr; }
  bool has_value() const { return value_.has_value(); }

  struct Awaiter {
    OneShot* shot;
    bool await_ready() const { return shot->value_.has_value(); }
    void await_suspend(std::coroutine_handle<> caller) const {
      MH_CHECK(!shot->waiter_);
      shot->waiter_ = caller;
    }
    T await_resume() const {
      T value = std::move(*shot->value_);
      shot->value_.reset();
      return value;
    }
  };
  Awaiter Wait() { return Awaiter{this}; }  // `T x = co_await shot.Wait();`

 private:
  std::optional<T> value_;
  std::coroutine_handle<> waiter_;
};

// Owns background tasks. Loop thread only. Destroying a group that still runs tasks is a defect.
class TaskGroup final {
 public:
  TaskGroup() = default;
  TaskGroup(const TaskGroup&) = delete;
  TaskGroup& operator=(const TaskGroup&) = delete;
  ~TaskGroup() { MH_CHECK(running_ == 0); }

  void Spawn(Task<void> task);  // Starts it now.
  size_t running() const { return running_; }
  // Completes when no task runs. One waiter at a time; tasks may be spawned while it waits.
  Task<void> Drain();

 private:
  struct Detached {
    struct promise_type {
      Detached get_return_object() const { return {}; }
      std::suspend_never initial_suspend() const noexcept { return {}; }
      std::suspend_never final_suspend() const noexcept { return {}; }
      void return_void() const {}
      [[noreturn]] void unhandled_exception() const {
        CheckFailed("no exception leaves a coroutine", __FILE__, __LINE__);
      }
    };
  };
  static Detached Run(Task<void> task, TaskGroup* group);
  void OnEnded();

  size_t running_ = 0;
  bool draining_ = false;
  OneShot<bool> idle_;
};

// Completes at `when`.
Task<void> SleepUntil(TimePoint when);

}  // namespace mailhaul::net

// In a coroutine that returns Task<Status> or Task<Result<...>>:
// CO_TRY(Type name, call): awaits the Task<Result<Type>>, gives its value or co_returns its
// failure.
#define CO_TRY(declaration, ...)                                   \
  auto MH_CONCAT(mh_result_, __LINE__) = co_await __VA_ARGS__;     \
  if (!MH_CONCAT(mh_result_, __LINE__).ok()) {                     \
    co_return std::move(MH_CONCAT(mh_result_, __LINE__)).status(); \
  }                                                                \
  declaration = std::move(MH_CONCAT(mh_result_, __LINE__)).value()

// CO_RETURN_IF_ERROR(call): awaits the Task<Status> and co_returns its failure.
#define CO_RETURN_IF_ERROR(...)                                              \
  ::mailhaul::Status MH_CONCAT(mh_status_, __LINE__) = co_await __VA_ARGS__; \
  if (!MH_CONCAT(mh_status_, __LINE__).ok()) {                               \
    co_return MH_CONCAT(mh_status_, __LINE__);                               \
  }
