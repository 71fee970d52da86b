#include "scheduler/fair_queue.h"

#include <algorithm>
#include <bit>

#include "base/check.h"

namespace mailhaul::scheduler {

namespace {

constexpr uint32_t kScannedLanes = 8;  // More are found by hash.
constexpr size_t kKeptLanes = 64;      // Memory that an empty queue keeps.
constexpr uint64_t kOrdinary = uint64_t{1} << 63;
constexpr Duration kAssumedFreshness = std::chrono::minutes(1);

// In parts of its freshness; negative while it is on time.
double LatenessOf(const JobRank& rank, TimePoint now) {
  const Duration freshness = rank.freshness > Duration::zero() ? rank.freshness : kAssumedFreshness;
  const auto late = static_cast<double>(now.time_since_epoch().count()) -
                    static_cast<double>(rank.deadline.time_since_epoch().count());
  return late / static_cast<double>(freshness.count());
}

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
  uint64_t order = (nanoseconds ^ kOrdinary) >> 1;  // Signed order becomes unsigned order.
  order |= rank.refresh ? 0 : kOrdinary;
  return {static_cast<uint32_t>(order), static_cast<uint32_t>(order >> 32),
          ToMilliseconds(rank.freshness)};
}

JobRank FairQueue::RankOf(RankKey key) {
  const uint64_t order = key.order();
  const auto nanoseconds = static_cast<int64_t>((order << 1) ^ kOrdinary);
  return {TimePoint(Duration(nanoseconds)), order < kOrdinary,
          std::chrono::milliseconds(key.freshness_ms)};
}

bool FairQueue::IsBefore(const JobRank& a, const JobRank& b, TimePoint now) {
  if (a.refresh != b.refresh) {
    return a.refresh;
  }
  if (!a.refresh && (a.deadline < now || b.deadline < now)) {
    return LatenessOf(a, now) > LatenessOf(b, now);
  }
  return a.deadline < b.deadline;
}

// One that is empty takes jobs of any octave.
FairQueue::Line& FairQueue::LineFor(LaneState& lane, uint8_t octave) {
  Line* vacant = nullptr;
  Line* last = nullptr;
  for (Line* line = &lane.line; line != nullptr; line = NextLine(*line)) {
    if (line->jobs.empty()) {
      vacant = line;
    } else if (line->octave == octave) {
      return *line;
    }
    last = line;
  }
  if (vacant == nullptr) {
    last->next = more_lines_used_++;
    if (last->next == more_lines_.size()) {
      const uint32_t added = last->next;
      more_lines_.emplace_back();  // `last` may lie in there.
      vacant = &more_lines_[added];
    } else {
      vacant = &more_lines_[last->next];
    }
    vacant->next = kAbsent;
  }
  vacant->octave = octave;
  return *vacant;
}

FairQueue::Line* FairQueue::NextLine(const Line& line) {
  return line.next == kAbsent ? nullptr : &more_lines_[line.next];
}

const FairQueue::Line& FairQueue::HeadLine(LaneState& lane, TimePoint now) {
  const Line* head = &lane.line;
  for (const Line* line = NextLine(lane.line); line != nullptr; line = NextLine(*line)) {
    if (head->jobs.empty() ||
        (!line->jobs.empty() &&
         IsBefore(RankOf(line->jobs.top_key()), RankOf(head->jobs.top_key()), now))) {
      head = line;
    }
  }
  return *head;
}

const FairQueue::Line* FairQueue::EarliestLine(LaneState& lane) {
  const Line* earliest = nullptr;
  for (const Line* line = &lane.line; line != nullptr; line = NextLine(*line)) {
    if (!line->jobs.empty() &&
        (earliest == nullptr || line->jobs.top_key() < earliest->jobs.top_key())) {
      earliest = line;
    }
  }
  return earliest;
}

void FairQueue::Begin(Mode mode) {
  mode_ = mode;
  grants_ = 0;
  virtual_time_ = 0;
  if (lanes_.size() > kKeptLanes) {
    lanes_.resize(kKeptLanes);
    lanes_.shrink_to_fit();
  }
  if (more_lines_.size() > kKeptLanes) {
    more_lines_.resize(kKeptLanes);
    more_lines_.shrink_to_fit();
  }
  lanes_used_ = 0;
  more_lines_used_ = 0;
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
  state.line.next = kAbsent;
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
  const RankKey key = KeyOf(rank);
  const auto octave = static_cast<uint8_t>(std::bit_width(key.freshness_ms));
  LineFor(lanes_[lane], octave).jobs.Push(job, key, places);
  ++jobs_;
  Reposition(lane);
}

void FairQueue::Remove(uint32_t tenant, uint32_t job, JobPlaces places) {
  const Lane lane = FindOrAddLane(tenant);
  Line* line = &lanes_[lane].line;
  while (!line->jobs.Holds(job, places)) {
    line = NextLine(*line);
    MH_CHECK(line != nullptr);
  }
  line->jobs.Remove(job, places);
  --jobs_;
  Reposition(lane);
}

FairQueue::Head FairQueue::Peek(TimePoint now) {
  LaneState& state = lanes_[Next(now)];
  const Line& line = HeadLine(state, now);
  return Head{state.tenant, line.jobs.top_id(), RankOf(line.jobs.top_key())};
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
  LaneState& rival = lanes_[rival_lane];
  const JobRank rival_rank = RankOf(HeadLine(rival, now).jobs.top_key());
  if (rival_lane == own_lane) {
    return IsBefore(rival_rank, RankOf(KeyOf(rank)), now);
  }
  const bool own_waits = own.place == Place::kUrgent || own.place == Place::kLate;
  const Cost own_tag = own_waits ? own.tag : std::max(own.tag, virtual_time_);
  const Standing rival_standing = StandingOf(rival_rank, rival.tag, now);
  const Standing own_standing = StandingOf(rank, own_tag, now);
  if (rival_standing != own_standing) {
    return rival_standing < own_standing;
  }
  if (rival_standing != Standing::kOnTime) {
    return rival.tag < own_tag;
  }
  return OnTimeKey(rival_rank.deadline, rival.last_served) <
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
  const TimePoint deadline = RankOf(EarliestLine(state)->jobs.top_key()).deadline;
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
  const Line* const earliest = EarliestLine(state);
  if (earliest == nullptr) {
    return;
  }
  const bool waited = before == Place::kUrgent || before == Place::kLate;
  Place place = waited || mode_ == Mode::kShares ? Place::kLate : Place::kOnTime;
  if (RankOf(earliest->jobs.top_key()).refresh) {
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
