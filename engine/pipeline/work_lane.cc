#include "engine/pipeline/work_lane.h"

#include <utility>

namespace mailhaul::pipeline {

void WorkLane::Submit(std::function<void()> work) {
  {
    const std::lock_guard lock(waiting_->mutex);
    waiting_->work.push_back(std::move(work));
  }
  SubmitNext();
}

void WorkLane::SetUrgent(bool urgent) {
  if (std::exchange(urgent_, urgent) == urgent || !urgent) {
    return;
  }
  size_t count = 0;
  {
    const std::lock_guard lock(waiting_->mutex);
    count = waiting_->work.size();
  }
  for (size_t i = 0; i < count; ++i) {
    SubmitNext();
  }
}

void WorkLane::SubmitNext() {
  std::function<void()> next = [waiting = waiting_] { waiting->RunNext(); };
  if (urgent_) {
    pool_.SubmitUrgent(std::move(next));
  } else {
    pool_.Submit(std::move(next));
  }
}

void WorkLane::Waiting::RunNext() {
  std::function<void()> next;
  {
    const std::lock_guard lock(mutex);
    if (work.empty()) {
      return;
    }
    next = std::move(work.front());
    work.pop_front();
  }
  next();
}

}  // namespace mailhaul::pipeline
