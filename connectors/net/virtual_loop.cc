#include "connectors/net/virtual_loop.h"

namespace mailhaul::net {

Loop::TimerId VirtualLoop::AddTimer(TimePoint when, std::function<void()> fire) {
  const TimerId id = ++last_timer_;
  timers_.emplace(std::pair(when, id), std::move(fire));
  times_.emplace(id, when);
  return id;
}

void VirtualLoop::CancelTimer(TimerId id) {
  const auto it = times_.find(id);
  if (it != times_.end()) {
    timers_.erase({it->second, id});
    times_.erase(it);
  }
}

bool VirtualLoop::Step(TimePoint until) {
  ++steps_;
  if (RunReady()) {
    return true;
  }
  if (!posted_.empty()) {
    const std::function<void()> work = std::move(posted_.front());
    posted_.pop_front();
    work();
    return true;
  }
  if (timers_.empty() || timers_.begin()->first.first > until) {
    return false;
  }
  auto node = timers_.extract(timers_.begin());
  times_.erase(node.key().second);
  clock_.AdvanceTo(node.key().first);
  node.mapped()();
  return true;
}

bool VirtualLoop::RunUntil(const std::function<bool()>& done, TimePoint until) {
  const CurrentScope scope(this);
  while (!done()) {
    if (!Step(until)) {
      return false;
    }
  }
  return true;
}

void VirtualLoop::RunDue() {
  RunUntil([] { return false; }, clock_.Now());
}

}  // namespace mailhaul::net
