// Bytes per day: what was drawn today, and what each kind of work may draw now.
//
// New mail may draw up to the limit. Window and backfill leave it kNewReserve percent, and draw in
// proportion to the day elapsed, kBurst percent ahead: so they are spread over the day and new
// mail finds something in the evening. Days are UTC days as the caller counts them.
#pragma once

#include <cstdint>

#include "base/clock.h"
#include "scheduler/scheduler.h"

namespace mailhaul::scheduler {

// The relation between monotonic time and the UTC day: `midnight` is when `day` began.
struct DayClock {
  uint32_t day = 0;
  TimePoint midnight{};

  uint32_t DayAt(TimePoint now) const;
  TimePoint BeginOf(uint32_t of_day) const;
  void Set(TimePoint now, uint32_t of_day, Duration into_day);
};

class DayBudget final {
 public:
  static constexpr uint64_t kNewReserve = 20;  // Percent.
  static constexpr uint64_t kBurst = 5;        // Percent.

  // How many bytes this kind may draw now of a daily `limit` (0: no limit).
  uint64_t Available(JobKind kind, uint64_t limit, const DayClock& clock, TimePoint now) const;
  // When this kind may draw enough for a grant to be worth while; min() if it may now. Later today
  // or at midnight.
  TimePoint OpenAt(JobKind kind, uint64_t limit, const DayClock& clock, TimePoint now) const;
  void Draw(JobKind kind, uint64_t bytes, const DayClock& clock, TimePoint now);
  void Return(JobKind kind, uint64_t bytes, const DayClock& clock, TimePoint now);

  DayUse use() const { return use_; }
  // Counts what was drawn before a restart; of several days the latest counts, of one the most.
  void Restore(const DayUse& use);

 private:
  DayUse Today(const DayClock& clock, TimePoint now) const;

  DayUse use_;
};

}  // namespace mailhaul::scheduler
