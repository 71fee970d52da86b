#include "scheduler/day_budget.h"

#include <algorithm>

#include "scheduler/backoff.h"

namespace mailhaul::scheduler {

namespace {

constexpr Duration kDay = std::chrono::hours(24);
// A grant is worth while from this part of the limit on.
constexpr uint64_t kWorthWhileParts = 200;

uint64_t WorthWhile(uint64_t limit) { return std::max(limit / kWorthWhileParts, uint64_t{1}); }

uint64_t Percent(uint64_t limit, uint64_t percent) {
  return limit / 100 * percent + limit % 100 * percent / 100;
}

uint64_t Less(uint64_t from, uint64_t amount) { return from - std::min(from, amount); }

// What window and backfill may have drawn this far into the day.
uint64_t BulkAllowed(uint64_t limit, Duration into_day) {
  const auto part = static_cast<double>(into_day.count()) / static_cast<double>(kDay.count());
  const uint64_t bulk = Percent(limit, 100 - DayBudget::kNewReserve);
  const auto earned = static_cast<uint64_t>(static_cast<double>(bulk) * part);
  return std::min(bulk, earned + Percent(limit, DayBudget::kBurst));
}

}  // namespace

uint32_t DayClock::DayAt(TimePoint now) const {
  const int64_t days = Since(midnight, now) / kDay;
  return static_cast<uint32_t>(std::clamp<int64_t>(days + day, day, UINT32_MAX));
}

TimePoint DayClock::BeginOf(uint32_t of_day) const {
  return After(midnight, kDay * (static_cast<int64_t>(of_day) - day));
}

void DayClock::Set(TimePoint now, uint32_t of_day, Duration into_day) {
  day = of_day;
  midnight = now - std::clamp(into_day, Duration::zero(), kDay);
}

DayUse DayBudget::Today(const DayClock& clock, TimePoint now) const {
  const uint32_t today = clock.DayAt(now);
  // A clock that was set back does not give a day's bytes twice.
  return use_.day >= today ? use_ : DayUse{today, 0, 0};
}

uint64_t DayBudget::Available(JobKind kind, uint64_t limit, const DayClock& clock,
                              TimePoint now) const {
  if (limit == 0) {
    return UINT64_MAX;
  }
  const DayUse today = Today(clock, now);
  const uint64_t left = Less(Less(limit, today.new_bytes), today.bulk_bytes);
  if (kind == JobKind::kNew) {
    return left;
  }
  const Duration into_day =
      std::clamp(Since(clock.BeginOf(today.day), now), Duration::zero(), kDay);
  return std::min(left, Less(BulkAllowed(limit, into_day), today.bulk_bytes));
}

TimePoint DayBudget::OpenAt(JobKind kind, uint64_t limit, const DayClock& clock,
                            TimePoint now) const {
  if (Available(kind, limit, clock, now) >= (limit == 0 ? 0 : WorthWhile(limit))) {
    return TimePoint::min();
  }
  const DayUse today = Today(clock, now);
  const TimePoint tomorrow = clock.BeginOf(today.day + 1);
  const uint64_t left = Less(Less(limit, today.new_bytes), today.bulk_bytes);
  const uint64_t wanted = today.bulk_bytes + WorthWhile(limit);
  if (kind == JobKind::kNew || left < WorthWhile(limit) || BulkAllowed(limit, kDay) < wanted) {
    return tomorrow;
  }
  const auto bulk = static_cast<double>(Percent(limit, 100 - kNewReserve));
  const auto earned = static_cast<double>(Less(wanted, Percent(limit, kBurst)));
  const Duration into_day(static_cast<int64_t>(earned / bulk * static_cast<double>(kDay.count())));
  // A little later than computed, since a moment too early would be asked again at once.
  constexpr Duration kLater = std::chrono::seconds(1);
  const TimePoint at = clock.BeginOf(today.day) + into_day + kLater;
  return std::min(std::max(at, now + kLater), tomorrow);
}

void DayBudget::Draw(JobKind kind, uint64_t bytes, const DayClock& clock, TimePoint now) {
  use_ = Today(clock, now);
  (kind == JobKind::kNew ? use_.new_bytes : use_.bulk_bytes) += bytes;
}

void DayBudget::Return(JobKind kind, uint64_t bytes, const DayClock& clock, TimePoint now) {
  use_ = Today(clock, now);
  uint64_t& drawn = kind == JobKind::kNew ? use_.new_bytes : use_.bulk_bytes;
  drawn = Less(drawn, bytes);
}

void DayBudget::Restore(const DayUse& use) {
  if (use.day > use_.day) {
    use_ = use;
  } else if (use.day == use_.day) {
    use_.new_bytes = std::max(use_.new_bytes, use.new_bytes);
    use_.bulk_bytes = std::max(use_.bulk_bytes, use.bulk_bytes);
  }
}

}  // namespace mailhaul::scheduler
