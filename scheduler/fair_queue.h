// The due jobs of one pool and kind, in the order in which they go. One lane per tenant.
//
// kDeadlines (checks for new mail): while every tenant is on time the earliest deadline goes first,
// equal deadlines tenant by tenant. Tenants whose next job is late go before those on time, among
// themselves by start-time fair queueing over the connection time they are charged: so whoever
// brings more than the pool can do delays only himself. A refresh goes before its tenant's other
// jobs and before other tenants' too, as long as its tenant is not more than kRefreshCredit ahead
// of its share.
// kShares (window, backfill): start-time fair queueing always, since only throughput matters.
//
// Within a tenant refreshes go first, then the earliest deadline. All operations O(log n).
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "scheduler/indexed_heap.h"

namespace mailhaul::scheduler {

// What decides a job's turn within its tenant.
struct JobRank {
  TimePoint deadline;
  bool refresh = false;
};

class FairQueue final {
 public:
  enum class Mode : uint8_t { kDeadlines, kShares };
  using Lane = uint32_t;  // One per tenant, numbered from 0.
  // Connection time divided by a tenant's weight, in 1/kCostPerMicrosecond of a microsecond.
  using Cost = uint64_t;
  static constexpr Cost kCostPerMicrosecond = 256;
  static constexpr Cost kRefreshCredit = 2'000'000 * kCostPerMicrosecond;  // 2 s at weight 1.

  struct Head {
    Lane lane = 0;
    uint32_t job = 0;
    JobRank rank;
  };

  explicit FairQueue(Mode mode = Mode::kDeadlines) : mode_(mode) {}

  void AddLane();
  bool empty() const { return jobs_ == 0; }
  uint32_t size() const { return jobs_; }

  // `positions`: where jobs lie, shared by all queues.
  void Push(Lane lane, uint32_t job, const JobRank& rank, Positions& positions);
  void Remove(Lane lane, uint32_t job, const JobRank& rank, Positions& positions);

  // The job that goes next. Only when not empty; `now` never goes back.
  Head Peek(TimePoint now);

  // Notes that a job of this lane and rank was granted (removed or not) and will cost about `cost`.
  // Returns whether the lane was charged: what is on time is free, since it took nothing from
  // anybody who was late.
  bool Charge(Lane lane, const JobRank& rank, Cost cost, TimePoint now);
  // A grant that was charged `charged` turned out to cost `cost`.
  void Correct(Lane lane, Cost charged, Cost cost);

  // Whether the queue's next job goes before one of `lane` that is not in it. On a tie within a
  // tenant it does not: whoever has the connection keeps it.
  bool GoesBefore(Lane lane, const JobRank& rank, TimePoint now);

 private:
  enum class Place : uint8_t { kNowhere, kUrgent, kLate, kOnTime };
  enum class Standing : uint8_t { kUrgent, kLate, kOnTime };  // In the order in which they go.

  struct LaneState {
    IndexedHeap<TimePoint> refreshes;  // By deadline.
    IndexedHeap<TimePoint> jobs;       // The others, by deadline.
    Cost tag = 0;                      // Virtual start time of its next charged job.
    uint64_t last_served = 0;          // Number of the grant.
    Place place = Place::kNowhere;

    bool empty() const { return refreshes.empty() && jobs.empty(); }
    IndexedHeap<TimePoint>& heap(const JobRank& rank) { return rank.refresh ? refreshes : jobs; }
  };
  using OnTimeKey = std::pair<TimePoint, uint64_t>;  // Deadline, last_served.
  using TagKey = std::pair<Cost, TimePoint>;         // Tag, deadline.

  JobRank HeadRank(const LaneState& state) const;
  bool IsLate(const JobRank& rank, TimePoint now) const;
  bool WithinCredit(Cost tag) const { return tag <= virtual_time_ + kRefreshCredit; }
  Standing StandingOf(const JobRank& rank, Cost tag, TimePoint now) const;
  Lane Next(TimePoint now);
  void PutIn(Lane lane, Place place);
  void Reposition(Lane lane);
  void TakeOut(Lane lane);
  void MoveLate(TimePoint now);

  Mode mode_;
  std::vector<LaneState> lanes_;
  Positions lane_positions_;
  IndexedHeap<TagKey> urgent_;  // Lanes with a refresh.
  IndexedHeap<TagKey> late_;
  IndexedHeap<OnTimeKey> on_time_;
  Cost virtual_time_ = 0;
  uint64_t grants_ = 0;
  uint32_t jobs_ = 0;
};

}  // namespace mailhaul::scheduler
