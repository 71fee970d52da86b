// What the scheduler knows of hosts, egress addresses, pools and tenants. Packed where there are
// many: a pool for each host and egress address.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "scheduler/address_block.h"
#include "scheduler/arena.h"
#include "scheduler/credentials.h"
#include "scheduler/day_budget.h"
#include "scheduler/estimates.h"
#include "scheduler/indexed_heap.h"
#include "scheduler/kind_share.h"
#include "scheduler/lag_histogram.h"
#include "scheduler/login_window.h"
#include "scheduler/pool_health.h"
#include "scheduler/scheduler.h"

namespace mailhaul::scheduler {

struct TenantState {
  TenantId id;
  uint32_t weight = 1;
  uint64_t deadline_misses = 0;
  Duration connection_time{};
  LagHistogram lags;
};

struct HostState {
  HostLimits limits;
  HostHealth health;
  HostLogins logins;
  uint32_t probes = 0;          // Out, of all its pools.
  std::vector<uint32_t> pools;  // By egress address; kAbsent: none.
};

struct PoolState {
  HostId host = 0;
  EgressId egress = 0;
  std::array<uint32_t, kKindCount> queues = {kAbsent, kAbsent, kAbsent};  // Lent while in use.
  KindSet waiting{};                                                      // Kinds with due jobs.
  std::array<uint32_t, kKindCount> open_places = {kAbsent, kAbsent, kAbsent};
  uint32_t timer_place = kAbsent;
  uint32_t connections = 0;
  uint32_t probes = 0;  // Out.
  uint32_t slices = 0;  // Of window and backfill, under way.
  KindShare share{3};
  LoginWindow logins;
  PoolHealth health;
  AddressBlock block;
  DayBudget budget;
  std::array<MeanDuration, kKindCount> service_times;
  EventRate checks_due;
  WaitCause cause = WaitCause::kNone;  // Why due jobs wait.

  // Causes that a pool can have: kDayLimit to kPoolFull.
  static constexpr size_t kFirstCause = static_cast<size_t>(WaitCause::kDayLimit);
  static constexpr size_t kCauses = static_cast<size_t>(WaitCause::kPoolFull) - kFirstCause + 1;
  std::array<uint32_t, kCauses> waits{};
  uint32_t throttles = 0;
  uint32_t outages = 0;
  uint64_t logins_made = 0;
  std::array<uint64_t, kKindCount> grants{};
};
using Pools = Arena<PoolState>;

struct EgressState {
  EgressState(const Options& options, std::string_view its_address, uint32_t limit);

  std::string address;
  uint64_t address_hash;
  uint32_t connections_max;
  uint32_t connections = 0;
  uint32_t waiting = 0;  // Jobs due, of all its pools.
  uint32_t full = 0;     // Times that due jobs came to wait because all connections were out.
  bool was_full = false;
  bool removed = false;
  TimePoint blocked_until = TimePoint::min();
  KindShare share;
  std::array<MeanDuration, kKindCount> service_times;
  std::array<IndexedHeap<TimePoint>, kKindCount> open_pools;  // By next deadline.

  bool usable(TimePoint now) const { return !removed && blocked_until <= now; }
};

// Where pools lie in the heaps of their egress address, and among the timers.
class OpenPlaces final {
 public:
  OpenPlaces(Pools& pools, size_t kind) : pools_(pools), kind_(kind) {}
  uint32_t& operator[](uint32_t pool) { return pools_[pool].open_places[kind_]; }

 private:
  Pools& pools_;
  size_t kind_;
};
class TimerPlaces final {
 public:
  explicit TimerPlaces(Pools& pools) : pools_(pools) {}
  uint32_t& operator[](uint32_t pool) { return pools_[pool].timer_place; }

 private:
  Pools& pools_;
};

}  // namespace mailhaul::scheduler
