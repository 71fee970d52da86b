#include "scheduler/fair_queue.h"

#include <algorithm>

namespace mailhaul::scheduler {

namespace {

constexpr uint32_t kScannedLanes = 8;  // More are found by hash.
constexpr size_t kKeptLanes = 64;      // Memory that an empty queue keeps.
constexpr uint64_t kOrdinary = uint64_t{1} << 63;

}  // namespace

class FairQueue::LanePlaces final {
 public:
  explicit LanePlaces(std::vector<LaneState>& lanes) : lanes_(lanes) {}
  uint32_t& operator[](Lane lane) { return lanes_[lane].position; }

 private:
  std::vector<LaneState>& lanes_;
};

FairQueue::RankKey FairQueue::KeyOf(const JobRank& rank) {
  const auto nanoseconds = static_cast<uint64_t>(rank.deadline.time_since_epoch().count());
  const RankKey key = (nanoseconds ^ kOrdinary) >> 1;  // Signed order becomes unsigned order.
  return rank.refresh ? key : key | kOrdinary;
}

JobRank FairQueue::RankOf(RankKey key) {
  const auto nanoseconds = static_cast<int64_t>((key << 1) ^ kOrdinary);
  return {TimePoint(Duration(nanoseconds)), key < kOrdinary};
}

void FairQueue::Begin(Mode mode) {
  mode_ = mode;
  grants_ = 0;
  virtual_time_ = 0;
  if (lanes_.size() > kKeptLanes) {
    lanes_.resize(kKeptLanes);
    lanes_.shrink_to_fit();
  }
  lanes_used_ = 0;
  lane_slots_.clear();
}

FairQueue::Lane FairQueue::FindOrAddLane(uint32_t tenant) {
  if (lane_slots_.empty()) {
    for (Lane lane = 0; lane < lanes_used_; ++lane) {
      if (lanes_[lane].tenant == tenant) {
        return lane;
      }
    }
  } else {
    const size_t mask = lane_slots_.size() - 1;
    for (size_t at = tenant & mask; lane_slots_[at] != kAbsent; at = (at + 1) & mask) {
      if (lanes_[lane_slots_[at]].tenant == tenant) {
        return lane_slots_[at];
      }
    }
  }
  const Lane lane = lanes_used_++;
  if (lane == lanes_.size()) {
    lanes_.emplace_back();
  }
  LaneState& state = lanes_[lane];
  state.tag = 0;
  state.last_served = 0;
  state.tenant = tenant;
  if (lanes_used_ > kScannedLanes) {
    Rehash();
  }
  return lane;
}

// Enters the last lane, or all of them into a table twice as large as they need.
void FairQueue::Rehash() {
  Lane first = lanes_used_ - 1;
  if (lanes_used_ * 2 > lane_slots_.size()) {
    lane_slots_.assign(std::max<size_t>(lane_slots_.size() * 2, size_t{kScannedLanes} * 8),
                       kAbsent);
    first = 0;
  }
  const size_t mask = lane_slots_.size() - 1;
  for (Lane lane = first; lane < lanes_used_; ++lane) {
    size_t at = lanes_[lane].tenant & mask;
    while (lane_slots_[at] != kAbsent) {
      at = (at + 1) & mask;
    }
    lane_slots_[at] = lane;
  }
}

void FairQueue::Push(uint32_t tenant, uint32_t job, const JobRank& rank, JobPlaces places) {
  const Lane lane = FindOrAddLane(tenant);
  lanes_[lane].jobs.Push(job, KeyOf(rank), places);
  ++jobs_;
  Reposition(lane);
}

void FairQueue::Remove(uint32_t tenant, uint32_t job, JobPlaces places) {
  const Lane lane = FindOrAddLane(tenant);
  lanes_[lane].jobs.Remove(job, places);
  --jobs_;
  Reposition(lane);
}

FairQueue::Head FairQueue::Peek(TimePoint now) {
  const LaneState& state = lanes_[Next(now)];
  return Head{state.tenant, state.jobs.top_id(), RankOf(state.jobs.top_key())};
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

bool FairQueue::Charge(uint32_t tenant, const JobRank& rank, Cost cost, TimePoint now) {
  const Lane lane = FindOrAddLane(tenant);
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
    ++charged_out_;
  }
  Reposition(lane);
  return charged;
}

void FairQueue::Correct(uint32_t tenant, Cost charged, Cost cost) {
  const Lane lane = FindOrAddLane(tenant);
  LaneState& state = lanes_[lane];
  const Cost tag = state.tag + cost;
  state.tag = tag - std::min(tag, charged);
  --charged_out_;
  Reposition(lane);
}

bool FairQueue::GoesBefore(uint32_t tenant, const JobRank& rank, TimePoint now) {
  if (empty()) {
    return false;
  }
  const Lane own_lane = FindOrAddLane(tenant);
  const Lane rival_lane = Next(now);
  const LaneState& own = lanes_[own_lane];
  const LaneState& rival = lanes_[rival_lane];
  const RankKey rival_key = rival.jobs.top_key();
  if (rival_lane == own_lane) {
    return rival_key < KeyOf(rank);
  }
  const bool own_waits = own.place == Place::kUrgent || own.place == Place::kLate;
  const Cost own_tag = own_waits ? own.tag : std::max(own.tag, virtual_time_);
  const Standing rival_standing = StandingOf(RankOf(rival_key), rival.tag, now);
  const Standing own_standing = StandingOf(rank, own_tag, now);
  if (rival_standing != own_standing) {
    return rival_standing < own_standing;
  }
  if (rival_standing != Standing::kOnTime) {
    return rival.tag < own_tag;
  }
  return OnTimeKey(RankOf(rival_key).deadline, rival.last_served) <
         OnTimeKey(RankOf(KeyOf(rank)).deadline, own.last_served);
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
  const TimePoint deadline = RankOf(state.jobs.top_key()).deadline;
  state.place = place;
  if (place == Place::kOnTime) {
    on_time_.Push(lane, OnTimeKey(deadline, state.last_served), LanePlaces(lanes_));
    return;
  }
  IndexedHeap<TagKey>& heap = place == Place::kUrgent ? urgent_ : late_;
  heap.Push(lane, TagKey(state.tag, deadline), LanePlaces(lanes_));
}

// Lanes on time that became late are found by MoveLate(), and late ones that are not any more.
void FairQueue::Reposition(Lane lane) {
  LaneState& state = lanes_[lane];
  const Place before = state.place;
  TakeOut(lane);
  if (state.jobs.empty()) {
    return;
  }
  const bool waited = before == Place::kUrgent || before == Place::kLate;
  Place place = waited || mode_ == Mode::kShares ? Place::kLate : Place::kOnTime;
  if (RankOf(state.jobs.top_key()).refresh) {
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
    urgent_.Remove(lane, LanePlaces(lanes_));
  } else if (state.place == Place::kLate) {
    late_.Remove(lane, LanePlaces(lanes_));
  } else if (state.place == Place::kOnTime) {
    on_time_.Remove(lane, LanePlaces(lanes_));
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
