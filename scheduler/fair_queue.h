// The due jobs of one pool and kind, in the order in which they go. One lane per tenant that has
// had some since the queue was last empty: an empty queue forgets everything, so that queues can be
// lent to the pools that have work.
//
// kDeadlines (checks for new mail): while every tenant is on time the earliest deadline goes first,
// equal deadlines tenant by tenant. Tenants whose next job is late go before those on time, among
// themselves by start-time fair queueing over the connection time they are charged: so whoever
// brings more than the pool can do delays only himself. A refresh goes before its tenant's other
// jobs and before other tenants' too, as long as its tenant is not more than kRefreshCredit ahead
// of its share.
// kShares (window, backfill): start-time fair queueing always, since only throughput matters.
//
// Within a tenant refreshes go first, then, while nothing is late, the earliest deadline. What is
// late goes before what is not, and the job that is latest in proportion to its freshness first: so
// whoever wants more than he can get is late with all his mailboxes by the same part of what each
// was promised, and not by the same time, which is little for an hour and much for half a minute.
// For that a lane keeps one line for each octave of freshness that it has: freshnesses that differ
// by less than twofold may count as one. All operations O(log n + octaves).
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "scheduler/indexed_heap.h"
#include "scheduler/mailbox.h"

namespace mailhaul::scheduler {

// What decides a job's turn within its tenant.
struct JobRank {
  TimePoint deadline;
  bool refresh = false;
  Duration freshness{};  // Counts to 1 ms, up to 49 days. 0: not known, as a minute.
};

class FairQueue final {
 public:
  enum class Mode : uint8_t { kDeadlines, kShares };
  // Connection time divided by a tenant's weight, in 1/kCostPerMicrosecond of a microsecond.
  using Cost = uint64_t;
  static constexpr Cost kCostPerMicrosecond = 256;
  static constexpr Cost kRefreshCredit = 2'000'000 * kCostPerMicrosecond;  // 2 s at weight 1.

  struct Head {
    uint32_t tenant = 0;
    uint32_t job = 0;
    JobRank rank;  // Its deadline to 2 ns, its freshness to 1 ms.
  };

  bool empty() const { return jobs_ == 0; }
  uint32_t size() const { return jobs_; }
  // Nothing waits, and nothing is out that it still has to Correct().
  bool idle() const { return jobs_ == 0 && charged_out_ == 0; }

  // An idle queue begins anew.
  void Begin(Mode mode);

  void Push(uint32_t tenant, uint32_t job, const JobRank& rank, JobPlaces places);
  void Remove(uint32_t tenant, uint32_t job, JobPlaces places);

  // The job that goes next. Only when not empty; `now` never goes back.
  Head Peek(TimePoint now);

  // Notes that a job of this tenant and rank was granted (removed or not) and will cost about
  // `cost`. Returns whether the tenant was charged: what is on time is free, since it took nothing
  // from anybody who was late. What was charged has to be corrected when it ends.
  bool Charge(uint32_t tenant, const JobRank& rank, Cost cost, TimePoint now);
  // A grant that was charged `charged` turned out to cost `cost`.
  void Correct(uint32_t tenant, Cost charged, Cost cost);

  // Whether the queue's next job goes before one of `tenant` that is not in it. On a tie within a
  // tenant it does not: whoever has the connection keeps it.
  bool GoesBefore(uint32_t tenant, const JobRank& rank, TimePoint now);

 private:
  using Lane = uint32_t;  // Index into lanes_.
  enum class Place : uint8_t { kNowhere, kUrgent, kLate, kOnTime };
  enum class Standing : uint8_t { kUrgent, kLate, kOnTime };  // In the order in which they go.

  // Refreshes first, then by deadline. In words of 32 bits, so that it packs well beside an id.
  struct RankKey {
    uint32_t order_low = 0;
    uint32_t order_high = 0;
    uint32_t freshness_ms = 0;

    uint64_t order() const { return (uint64_t{order_high} << 32) | order_low; }
    friend bool operator<(const RankKey& a, const RankKey& b) { return a.order() < b.order(); }
  };
  struct Line {
    IndexedHeap<RankKey> jobs;
    uint32_t next = kAbsent;  // Of the same lane, in more_lines_.
    uint8_t octave = 0;       // Of all its jobs, while it has any.
  };
  struct LaneState {
    Line line;                 // Most lanes have only this one.
    Cost tag = 0;              // Virtual start time of its next charged job.
    uint32_t last_served = 0;  // Number of the grant.
    uint32_t tenant = 0;
    uint32_t position = kAbsent;  // In the heap of its place.
    Place place = Place::kNowhere;
  };
  using OnTimeKey = std::pair<TimePoint, uint32_t>;  // Deadline, last_served.
  using TagKey = std::pair<Cost, TimePoint>;         // Tag, deadline.
  class LanePlaces;

  static RankKey KeyOf(const JobRank& rank);
  static JobRank RankOf(RankKey key);
  static bool IsBefore(const JobRank& a, const JobRank& b, TimePoint now);

  Line& LineFor(LaneState& lane, uint8_t octave);
  Line* NextLine(const Line& line);                      // nullptr: it is the last.
  const Line& HeadLine(LaneState& lane, TimePoint now);  // Only of a lane with jobs.
  const Line* EarliestLine(LaneState& lane);  // By rank, whatever is late; nullptr: none.

  Lane FindOrAddLane(uint32_t tenant);
  void Rehash();
  bool IsLate(const JobRank& rank, TimePoint now) const;
  bool WithinCredit(Cost tag) const { return tag <= virtual_time_ + kRefreshCredit; }
  Standing StandingOf(const JobRank& rank, Cost tag, TimePoint now) const;
  Lane Next(TimePoint now);
  void PutIn(Lane lane, Place place);
  void Reposition(Lane lane);
  void TakeOut(Lane lane);
  void MoveLate(TimePoint now);

  Mode mode_ = Mode::kDeadlines;
  uint32_t jobs_ = 0;
  uint32_t charged_out_ = 0;
  uint32_t grants_ = 0;
  uint32_t lanes_used_ = 0;  // Those behind keep only their memory.
  std::vector<LaneState> lanes_;
  std::vector<Line> more_lines_;
  uint32_t more_lines_used_ = 0;
  std::vector<Lane> lane_slots_;  // By hash of the tenant, once there are many.
  IndexedHeap<TagKey> urgent_;    // Lanes with a refresh.
  IndexedHeap<TagKey> late_;
  IndexedHeap<OnTimeKey> on_time_;
  Cost virtual_time_ = 0;
};

}  // namespace mailhaul::scheduler
