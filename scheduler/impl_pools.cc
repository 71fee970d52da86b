// Which pools and egress addresses may start something.
#include <algorithm>

#include "scheduler/backoff.h"
#include "scheduler/impl.h"

namespace mailhaul::scheduler {

namespace {

// Checks also close their connections, and come unevenly.
constexpr float kCheckMargin = 1.25F;
// Below so many in the time of a slice no connection is kept free for them.
constexpr float kChecksFewPerSlice = 0.5F;

}  // namespace

Scheduler::Impl::Index Scheduler::Impl::FindOrAddTenant(TenantId tenant) {
  const auto [entry, added] =
      tenant_index.try_emplace(tenant.value, static_cast<Index>(tenants.size()));
  if (added) {
    tenants.emplace_back().id = tenant;
  }
  return entry->second;
}

Scheduler::Impl::Index Scheduler::Impl::FindPool(HostId host, EgressId egress) const {
  const std::vector<Index>& known = hosts[host].pools;
  return egress < known.size() ? known[egress] : kAbsent;
}

Scheduler::Impl::Index Scheduler::Impl::FindOrAddPool(HostId host, EgressId egress) {
  std::vector<Index>& known = hosts[host].pools;
  if (known.size() <= egress) {
    known.resize(egresses.size(), kAbsent);
  }
  if (known[egress] == kAbsent) {
    known[egress] = static_cast<Index>(pools.size());
    PoolState& pool = pools.Add();
    pool.host = host;
    pool.egress = egress;
    pool.share = KindShare(options.backfill_share_inverse);
    pool.logins = LoginWindow(hosts[host].limits.logins_per_second);
    pool.health = PoolHealth(hosts[host].limits.connections);
  }
  return known[egress];
}

uint32_t Scheduler::Impl::WaitingIn(const PoolState& pool, const KindSet& kinds) const {
  uint32_t waiting = 0;
  for (size_t i = 0; i < kKindCount; ++i) {
    waiting += kinds[i] && pool.queues[i] != kAbsent ? queues[pool.queues[i]].size() : 0;
  }
  return waiting;
}

TimePoint Scheduler::Impl::BudgetOpenAt(const PoolState& pool, JobKind kind) const {
  const uint64_t limit = hosts[pool.host].limits.bytes_per_day;
  return limit == 0 ? TimePoint::min() : pool.budget.OpenAt(kind, limit, clock, now);
}

KindSet Scheduler::Impl::Grantable(const PoolState& pool) const {
  KindSet grantable = pool.waiting;
  if (hosts[pool.host].limits.bytes_per_day != 0) {
    for (const JobKind kind : kKinds) {
      grantable[scheduler::Index(kind)] &= BudgetOpenAt(pool, kind) <= now;
    }
  }
  return grantable;
}

// As RefreshPool() left them.
KindSet Scheduler::Impl::OpenKinds(const PoolState& pool) {
  KindSet open{};
  for (size_t i = 0; i < kKindCount; ++i) {
    open[i] = pool.open_places[i] != kAbsent;
  }
  return open;
}

// How many connections checks are going to need during a slice.
float Scheduler::Impl::ConnectionsForChecks(const PoolState& pool) const {
  const HostLimits& limits = hosts[pool.host].limits;
  const float slice = std::chrono::duration<float>(options.backfill_slice).count();
  const Index queue = pool.queues[scheduler::Index(JobKind::kNew)];
  const float waiting = queue == kAbsent ? 0 : static_cast<float>(queues[queue].size());
  const float rate =
      std::min(std::max(pool.checks_due.PerSecond(now), waiting / std::max(slice, 1.0F)),
               static_cast<float>(limits.logins_per_second));
  const Duration check = ExpectedTime(pool.service_times, JobKind::kNew);
  const float needed = rate * std::chrono::duration<float>(check).count() * kCheckMargin;
  return rate * slice < kChecksFewPerSlice ? 0 : std::max(needed, 1.0F);
}

// Whether one more slice beside `slices` leaves checks what they need. One may always go while no
// check waits: hence a slice that does not fit waits for the end of another one, never for time.
bool Scheduler::Impl::SliceFits(const PoolState& pool, uint32_t slices) const {
  if (slices == 0 && !Grantable(pool)[scheduler::Index(JobKind::kNew)]) {
    return true;
  }
  const uint32_t connections_max = ConnectionsMax(pool);
  return slices < connections_max && static_cast<float>(slices + 1) + ConnectionsForChecks(pool) <=
                                         static_cast<float>(connections_max);
}

// While checks wait for a login or come soon, slices get what these leave and their own share.
// With checks in the set, KindShare chooses.
void Scheduler::Impl::KeepFreeForChecks(const PoolState& pool, KindSet& open) const {
  if (open[scheduler::Index(JobKind::kNew)] || !Any(open) || SliceFits(pool, pool.slices)) {
    return;
  }
  const KindTimes expected = ExpectedTimes(pool);
  for (const JobKind kind : {JobKind::kWindow, JobKind::kBackfill}) {
    open[scheduler::Index(kind)] &= pool.share.Covers(kind, expected);
  }
}

KindSet Scheduler::Impl::OpenKinds(const EgressState& egress) {
  KindSet open{};
  for (size_t i = 0; i < kKindCount; ++i) {
    open[i] = !egress.open_pools[i].empty();
  }
  return open;
}

uint32_t Scheduler::Impl::ConnectionsMax(const PoolState& pool) const {
  return hosts[pool.host].health.open_circuit() ? 1 : pool.health.connections_max();
}

Scheduler::Impl::Gate Scheduler::Impl::GateOf(const PoolState& pool) const {
  const EgressState& egress = egresses[pool.egress];
  if (!egress.usable(now)) {
    return {WaitCause::kEgressBlocked, egress.removed ? TimePoint::max() : egress.blocked_until};
  }
  const HostState& host = hosts[pool.host];
  if ((host.health.open_circuit() && host.probes > 0) ||
      (pool.health.open_circuit() && pool.probes > 0)) {
    return {WaitCause::kHostCircuit, TimePoint::max()};
  }
  // Sessions from before an outage do not stand in the way of a probe.
  if (pool.connections >= pool.health.window()) {
    return {WaitCause::kPoolFull, TimePoint::max()};
  }
  Gate gate;
  const auto consider = [&gate](WaitCause cause, TimePoint until) {
    if (until > gate.until) {
      gate = {cause, until};
    }
  };
  consider(WaitCause::kThrottled, pool.health.throttled_until());
  // A pool that could reach the host so far tries it once at any time.
  if (pool.health.open_circuit()) {
    consider(WaitCause::kHostCircuit, std::max(pool.health.probe_at(), host.health.probe_at()));
  }
  consider(WaitCause::kLoginRate, std::max(pool.logins.OpenAt(), logins_from));
  return gate.until <= now ? Gate{} : gate;
}

void Scheduler::Impl::CountWait(PoolState& pool, WaitCause cause) const {
  if (cause != pool.cause && cause != WaitCause::kNone) {
    ++pool.waits[static_cast<size_t>(cause) - PoolState::kFirstCause];
  }
  pool.cause = cause;
}

void Scheduler::Impl::RefreshPool(Index index) {
  PoolState& pool = pools[index];
  const KindSet waiting = pool.waiting;
  KindSet open{};
  Gate gate;
  TimePoint wake = TimePoint::max();
  if (Any(waiting)) {
    gate = GateOf(pool);
    if (gate.cause == WaitCause::kNone) {
      open = waiting;
      for (const JobKind kind : kKinds) {
        const TimePoint budget_at = BudgetOpenAt(pool, kind);
        if (waiting[scheduler::Index(kind)] && budget_at > now) {
          open[scheduler::Index(kind)] = false;
          wake = std::min(wake, budget_at);
        }
      }
      const bool day_permits = Any(open);
      KeepFreeForChecks(pool, open);
      if (!Any(open)) {
        gate.cause = day_permits ? WaitCause::kPoolFull : WaitCause::kDayLimit;
      }
    } else {
      wake = gate.until;
    }
  }
  CountWait(pool, gate.cause);
  if (wake != TimePoint::max()) {
    pool_timers.Put(index, wake, TimerPlaces(pools));
  } else {
    pool_timers.RemoveIfPresent(index, TimerPlaces(pools));
  }
  EgressState& egress = egresses[pool.egress];
  for (size_t i = 0; i < kKindCount; ++i) {
    if (open[i]) {
      const TimePoint deadline = queues[pool.queues[i]].Peek(now).rank.deadline;
      egress.open_pools[i].Put(index, deadline, OpenPlaces(pools, i));
    } else {
      egress.open_pools[i].RemoveIfPresent(index, OpenPlaces(pools, i));
    }
  }
  RefreshEgress(pool.egress);
}

void Scheduler::Impl::RefreshEgress(EgressId index) {
  EgressState& egress = egresses[index];
  const KindSet open = OpenKinds(egress);
  const bool full = Any(open) && egress.connections >= egress.connections_max;
  egress.full += full && !egress.was_full ? 1 : 0;
  egress.was_full = full;
  if (!Any(open) || full) {
    open_egresses.RemoveIfPresent(index, egress_positions);
    return;
  }
  const JobKind kind = MostUrgent(open);
  const TimePoint deadline = egress.open_pools[scheduler::Index(kind)].top_key();
  open_egresses.Put(index, {kind, deadline}, egress_positions);
}

uint32_t Scheduler::Impl::OpenCircuits(const HostState& host) const {
  return static_cast<uint32_t>(std::count_if(
      host.pools.begin(), host.pools.end(),
      [this](Index pool) { return pool != kAbsent && pools[pool].health.open_circuit(); }));
}

void Scheduler::Impl::RefreshHost(HostId host) {
  for (const Index pool : hosts[host].pools) {
    if (pool != kAbsent) {
      RefreshPool(pool);
    }
  }
}

}  // namespace mailhaul::scheduler
