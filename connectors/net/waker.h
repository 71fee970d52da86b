// What a coroutine waits for that is woken from outside or by time.
#pragma once

#include "base/clock.h"
#include "connectors/net/task.h"

namespace mailhaul::net {

// Loop thread only; one waiter at a time. Must outlive the wait.
class Waker final {
 public:
  Waker() = default;
  Waker(const Waker&) = delete;
  Waker& operator=(const Waker&) = delete;

  // Until Wake(), at once if that came since the last wait; at the latest until `when`.
  Task<void> WaitUntil(TimePoint when);
  void Wake();

 private:
  bool woken_ = false;
  OneShot<bool> shot_;
};

}  // namespace mailhaul::net
