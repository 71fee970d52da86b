// The due jobs of one pool and kind, in the order in which they go.
//
// While every tenant is on time: earliest deadline first, equal deadlines tenant by tenant. Tenants
// whose earliest job is late go before those on time, and among themselves in turn (start-time fair
// queueing, one grant = one unit): so whoever brings more than the pool can do delays only himself.
// Within a tenant always earliest deadline first. All operations O(log n).
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "scheduler/indexed_heap.h"

namespace mailhaul::scheduler {

class FairQueue final {
 public:
  using Lane = uint32_t;  // One per tenant, numbered from 0.

  struct Head {
    Lane lane = 0;
    uint32_t job = 0;
    TimePoint deadline;
  };

  void AddLane();
  bool empty() const { return jobs_ == 0; }
  uint32_t size() const { return jobs_; }

  // `positions`: where jobs lie, shared by all queues.
  void Push(Lane lane, uint32_t job, TimePoint deadline, Positions& positions);
  void Update(Lane lane, uint32_t job, TimePoint deadline, Positions& positions);
  void Remove(Lane lane, uint32_t job, Positions& positions);

  // The job that goes next. Only when not empty; `now` never goes back.
  Head Peek(TimePoint now);

  // Notes that a job of this lane with this deadline was granted (removed or not).
  void Charge(Lane lane, TimePoint deadline, TimePoint now);

  // Whether the queue's next job goes before one of `lane` with `deadline` that is not in it. On a
  // tie within a tenant it does not: whoever has the connection keeps it.
  bool GoesBefore(Lane lane, TimePoint deadline, TimePoint now);

 private:
  enum class Place : uint8_t { kNowhere, kOnTime, kLate };

  struct LaneState {
    IndexedHeap<TimePoint> jobs;  // By deadline.
    uint64_t tag = 0;             // Virtual start time of its next late job.
    uint64_t last_served = 0;     // Number of the grant.
    Place place = Place::kNowhere;
  };
  using OnTimeKey = std::pair<TimePoint, uint64_t>;  // Deadline, last_served.
  using LateKey = std::pair<uint64_t, TimePoint>;    // Tag, deadline.

  void Reposition(Lane lane);
  void TakeOut(Lane lane);
  void MoveLate(TimePoint now);

  std::vector<LaneState> lanes_;
  Positions lane_positions_;
  IndexedHeap<OnTimeKey> on_time_;
  IndexedHeap<LateKey> late_;
  uint64_t virtual_time_ = 0;  // The tag served last.
  uint64_t grants_ = 0;
  uint32_t jobs_ = 0;
};

}  // namespace mailhaul::scheduler
