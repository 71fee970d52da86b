#include "connectors/net/waker.h"

namespace mailhaul::net {

Task<void> Waker::WaitUntil(TimePoint when) {
  if (!woken_) {
    Loop* loop = Loop::Current();
    const Loop::TimerId timer = loop->AddTimer(when, [this] { Wake(); });
    const bool woken = co_await shot_.Wait();
    static_cast<void>(woken);
    loop->CancelTimer(timer);
  }
  woken_ = false;
}

void Waker::Wake() {
  if (!woken_ && shot_.waiting()) {
    shot_.Set(true);
  }
  woken_ = true;
}

}  // namespace mailhaul::net
