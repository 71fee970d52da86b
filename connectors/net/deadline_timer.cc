#include "connectors/net/deadline_timer.h"

#include <utility>

namespace mailhaul::net {

void DeadlineTimer::Set(TimePoint deadline) {
  deadline_ = deadline;
  if (watching_) {
    Arm();
  }
}

void DeadlineTimer::Watch() {
  watching_ = true;
  Arm();
}

void DeadlineTimer::Cancel() {
  loop_.CancelTimer(std::exchange(timer_, 0));
  watching_ = false;
}

void DeadlineTimer::Arm() {
  if (deadline_ == TimePoint::max() || (timer_ != 0 && armed_for_ <= deadline_)) {
    return;
  }
  loop_.CancelTimer(timer_);
  armed_for_ = deadline_;
  timer_ = loop_.AddTimer(deadline_, [this] { OnTimer(); });
}

void DeadlineTimer::OnTimer() {
  timer_ = 0;
  if (!watching_) {
    return;
  }
  if (HasPassed()) {
    watching_ = false;
    expired_();
  } else {
    Arm();
  }
}

}  // namespace mailhaul::net
