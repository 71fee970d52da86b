#include "connectors/net/task.h"

namespace mailhaul::net {

void TaskGroup::Spawn(Task<void> task) {
  ++running_;
  Run(std::move(task), this);
}

TaskGroup::Detached TaskGroup::Run(Task<void> task, TaskGroup* group) {
  // The frame of `task` dies with this one, after OnEnded(): the owner only learns of the end.
  co_await std::move(task);
  group->OnEnded();
}

void TaskGroup::OnEnded() {
  --running_;
  if (running_ == 0 && draining_) {
    draining_ = false;
    idle_.Set(true);
  }
}

Task<void> TaskGroup::Drain() {
  while (running_ > 0) {
    draining_ = true;
    const bool idle = co_await idle_.Wait();
    static_cast<void>(idle);
  }
}

Task<void> SleepUntil(TimePoint when) {
  OneShot<bool> fired;
  OneShot<bool>* target = &fired;
  Loop::Current()->AddTimer(when, [target] { target->Set(true); });
  const bool done = co_await fired.Wait();
  static_cast<void>(done);
}

}  // namespace mailhaul::net
