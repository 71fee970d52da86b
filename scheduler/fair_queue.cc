#include "scheduler/fair_queue.h"

#include <algorithm>

namespace mailhaul::scheduler {

void FairQueue::AddLane() {
  lanes_.emplace_back();
  lane_positions_.push_back(kAbsent);
}

void FairQueue::Push(Lane lane, uint32_t job, TimePoint deadline, Positions& positions) {
  lanes_[lane].jobs.Push(job, deadline, positions);
  ++jobs_;
  Reposition(lane);
}

void FairQueue::Update(Lane lane, uint32_t job, TimePoint deadline, Positions& positions) {
  lanes_[lane].jobs.Update(job, deadline, positions);
  Reposition(lane);
}

void FairQueue::Remove(Lane lane, uint32_t job, Positions& positions) {
  lanes_[lane].jobs.Remove(job, positions);
  --jobs_;
  Reposition(lane);
}

FairQueue::Head FairQueue::Peek(TimePoint now) {
  MoveLate(now);
  const Lane lane = late_.empty() ? on_time_.top_id() : late_.top_id();
  const LaneState& state = lanes_[lane];
  return Head{lane, state.jobs.top_id(), state.jobs.top_key()};
}

void FairQueue::Charge(Lane lane, TimePoint deadline, TimePoint now) {
  LaneState& state = lanes_[lane];
  state.last_served = ++grants_;
  if (deadline < now) {
    // Service on time is free: it took nothing from anybody who was late.
    state.tag = std::max(state.tag, virtual_time_);
    virtual_time_ = state.tag;
    ++state.tag;
  }
  Reposition(lane);
}

bool FairQueue::GoesBefore(Lane lane, TimePoint deadline, TimePoint now) {
  if (empty()) {
    return false;
  }
  const Head head = Peek(now);
  if (head.lane == lane) {
    return head.deadline < deadline;
  }
  const LaneState& rival = lanes_[head.lane];
  const LaneState& own = lanes_[lane];
  const bool rival_late = rival.place == Place::kLate;
  const bool own_late = deadline < now;
  if (rival_late != own_late) {
    return rival_late;
  }
  if (rival_late) {
    return rival.tag < std::max(own.tag, virtual_time_);
  }
  return OnTimeKey(head.deadline, rival.last_served) < OnTimeKey(deadline, own.last_served);
}

// A late lane whose head is on time after all returns; the other way is found by MoveLate().
void FairQueue::Reposition(Lane lane) {
  LaneState& state = lanes_[lane];
  if (state.jobs.empty()) {
    TakeOut(lane);
    return;
  }
  const TimePoint deadline = state.jobs.top_key();
  if (state.place == Place::kLate) {
    late_.Update(lane, LateKey(state.tag, deadline), lane_positions_);
    return;
  }
  state.place = Place::kOnTime;
  on_time_.Put(lane, OnTimeKey(deadline, state.last_served), lane_positions_);
}

void FairQueue::TakeOut(Lane lane) {
  LaneState& state = lanes_[lane];
  if (state.place == Place::kLate) {
    late_.Remove(lane, lane_positions_);
  } else if (state.place == Place::kOnTime) {
    on_time_.Remove(lane, lane_positions_);
  }
  state.place = Place::kNowhere;
}

void FairQueue::MoveLate(TimePoint now) {
  while (!on_time_.empty() && on_time_.top_key().first < now) {
    const Lane lane = on_time_.top_id();
    LaneState& state = lanes_[lane];
    TakeOut(lane);
    state.tag = std::max(state.tag, virtual_time_);
    state.place = Place::kLate;
    late_.Push(lane, LateKey(state.tag, state.jobs.top_key()), lane_positions_);
  }
  while (!late_.empty() && lanes_[late_.top_id()].jobs.top_key() >= now) {
    const Lane lane = late_.top_id();
    TakeOut(lane);
    Reposition(lane);
  }
}

}  // namespace mailhaul::scheduler
