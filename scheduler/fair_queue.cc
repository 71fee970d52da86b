#include "scheduler/fair_queue.h"

#include <algorithm>
#include <tuple>

namespace mailhaul::scheduler {

void FairQueue::AddLane() {
  lanes_.emplace_back();
  lane_positions_.push_back(kAbsent);
}

void FairQueue::Push(Lane lane, uint32_t job, const JobRank& rank, Positions& positions) {
  lanes_[lane].heap(rank).Push(job, rank.deadline, positions);
  ++jobs_;
  Reposition(lane);
}

void FairQueue::Remove(Lane lane, uint32_t job, const JobRank& rank, Positions& positions) {
  lanes_[lane].heap(rank).Remove(job, positions);
  --jobs_;
  Reposition(lane);
}

FairQueue::Head FairQueue::Peek(TimePoint now) {
  const Lane lane = Next(now);
  const LaneState& state = lanes_[lane];
  const JobRank rank = HeadRank(state);
  return Head{lane, rank.refresh ? state.refreshes.top_id() : state.jobs.top_id(), rank};
}

FairQueue::Lane FairQueue::Next(TimePoint now) {
  MoveLate(now);
  if (!urgent_.empty()) {
    const Cost tag = urgent_.top_key().first;
    if (late_.empty() || WithinCredit(tag) || tag < late_.top_key().first) {
      return urgent_.top_id();
    }
  }
  return late_.empty() ? on_time_.top_id() : late_.top_id();
}

bool FairQueue::Charge(Lane lane, const JobRank& rank, Cost cost, TimePoint now) {
  LaneState& state = lanes_[lane];
  state.last_served = ++grants_;
  const bool charged = rank.refresh || IsLate(rank, now);
  if (charged) {
    if (state.place == Place::kNowhere || state.place == Place::kOnTime) {
      state.tag = std::max(state.tag, virtual_time_);
    }
    // A refresh out of turn does not move the time past those who wait for theirs.
    const Cost reached = late_.empty() ? state.tag : std::min(state.tag, late_.top_key().first);
    virtual_time_ = std::max(virtual_time_, reached);
    state.tag += std::max(cost, Cost{1});
  }
  Reposition(lane);
  return charged;
}

void FairQueue::Correct(Lane lane, Cost charged, Cost cost) {
  LaneState& state = lanes_[lane];
  const Cost tag = state.tag + cost;
  state.tag = tag - std::min(tag, charged);
  Reposition(lane);
}

bool FairQueue::GoesBefore(Lane lane, const JobRank& rank, TimePoint now) {
  if (empty()) {
    return false;
  }
  const Head head = Peek(now);
  const auto order = [](const JobRank& job) { return std::make_pair(!job.refresh, job.deadline); };
  if (head.lane == lane) {
    return order(head.rank) < order(rank);
  }
  const LaneState& rival = lanes_[head.lane];
  const LaneState& own = lanes_[lane];
  const bool own_waits = own.place == Place::kUrgent || own.place == Place::kLate;
  const Cost own_tag = own_waits ? own.tag : std::max(own.tag, virtual_time_);
  const Standing rival_standing = StandingOf(head.rank, rival.tag, now);
  const Standing own_standing = StandingOf(rank, own_tag, now);
  if (rival_standing != own_standing) {
    return rival_standing < own_standing;
  }
  if (rival_standing != Standing::kOnTime) {
    return rival.tag < own_tag;
  }
  return OnTimeKey(head.rank.deadline, rival.last_served) <
         OnTimeKey(rank.deadline, own.last_served);
}

JobRank FairQueue::HeadRank(const LaneState& state) const {
  const bool refresh = !state.refreshes.empty();
  return {refresh ? state.refreshes.top_key() : state.jobs.top_key(), refresh};
}

bool FairQueue::IsLate(const JobRank& rank, TimePoint now) const {
  return mode_ == Mode::kShares || rank.deadline < now;
}

FairQueue::Standing FairQueue::StandingOf(const JobRank& rank, Cost tag, TimePoint now) const {
  if (rank.refresh) {
    return WithinCredit(tag) ? Standing::kUrgent : Standing::kLate;
  }
  return IsLate(rank, now) ? Standing::kLate : Standing::kOnTime;
}

// Puts a lane that lies nowhere where it belongs by `place`.
void FairQueue::PutIn(Lane lane, Place place) {
  LaneState& state = lanes_[lane];
  const TimePoint deadline = HeadRank(state).deadline;
  state.place = place;
  if (place == Place::kOnTime) {
    on_time_.Push(lane, OnTimeKey(deadline, state.last_served), lane_positions_);
    return;
  }
  IndexedHeap<TagKey>& heap = place == Place::kUrgent ? urgent_ : late_;
  heap.Push(lane, TagKey(state.tag, deadline), lane_positions_);
}

// Lanes on time that became late are found by MoveLate(), and late ones that are not any more.
void FairQueue::Reposition(Lane lane) {
  LaneState& state = lanes_[lane];
  const Place before = state.place;
  TakeOut(lane);
  if (state.empty()) {
    return;
  }
  const bool waited = before == Place::kUrgent || before == Place::kLate;
  Place place = waited || mode_ == Mode::kShares ? Place::kLate : Place::kOnTime;
  if (!state.refreshes.empty()) {
    place = Place::kUrgent;
  }
  if (place != Place::kOnTime && !waited) {
    state.tag = std::max(state.tag, virtual_time_);
  }
  PutIn(lane, place);
}

void FairQueue::TakeOut(Lane lane) {
  LaneState& state = lanes_[lane];
  if (state.place == Place::kUrgent) {
    urgent_.Remove(lane, lane_positions_);
  } else if (state.place == Place::kLate) {
    late_.Remove(lane, lane_positions_);
  } else if (state.place == Place::kOnTime) {
    on_time_.Remove(lane, lane_positions_);
  }
  state.place = Place::kNowhere;
}

void FairQueue::MoveLate(TimePoint now) {
  while (!on_time_.empty() && IsLate({on_time_.top_key().first}, now)) {
    const Lane lane = on_time_.top_id();
    TakeOut(lane);
    lanes_[lane].tag = std::max(lanes_[lane].tag, virtual_time_);
    PutIn(lane, Place::kLate);
  }
  while (!late_.empty() && !IsLate({late_.top_key().second}, now)) {
    const Lane lane = late_.top_id();
    TakeOut(lane);
    PutIn(lane, Place::kOnTime);
  }
}

}  // namespace mailhaul::scheduler
