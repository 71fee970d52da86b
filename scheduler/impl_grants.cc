// The choice of what goes next, and whether a connection may be kept.
#include <algorithm>
#include <utility>

#include "base/check.h"
#include "scheduler/backoff.h"
#include "scheduler/impl.h"

namespace mailhaul::scheduler {

namespace {

// At most 2^24 grants out at once, and 2^40 in the life of a process.
constexpr unsigned kSlotBits = 24;
constexpr float kSecondsMin = 0.001F;  // Nothing is for nothing.
constexpr uint64_t kSlotMask = (uint64_t{1} << kSlotBits) - 1;

// Whether a waiting kind goes before `own`: a more urgent one always, a less urgent one in its
// turn.
bool KindGoesFirst(const KindSet& waiting, const KindShare& share, const KindTimes& expected,
                   JobKind own) {
  if (!Any(waiting)) {
    return false;
  }
  KindSet candidates = waiting;
  candidates[Index(own)] = true;
  return MostUrgent(candidates) != own || share.Pick(candidates, expected) != own;
}

}  // namespace

// The pool that goes next on an egress address with an open pool, and the kind of job it gives. The
// address has shares of its own: else pools with new mail could starve another pool's backfill.
std::pair<Scheduler::Impl::Index, JobKind> Scheduler::Impl::ChoosePool(EgressId index) const {
  const EgressState& egress = egresses[index];
  const KindSet open = OpenKinds(egress);
  // Pools take connections from each other only where these are scarce.
  const bool scarce = egress.connections + 1 >= egress.connections_max;
  const JobKind wanted = scarce ? egress.share.Pick(open, ExpectedTimes(egress)) : MostUrgent(open);
  const Index pool = egress.open_pools[scheduler::Index(wanted)].top_id();
  const KindSet waiting = OpenKinds(pools[pool]);
  const KindTimes expected = ExpectedTimes(pools[pool]);
  const KindShare& share = pools[pool].share;
  const bool out_of_turn = wanted != MostUrgent(open);
  if (out_of_turn && share.MayPassOver(waiting)) {
    return {pool, share.PickInsteadOf(wanted, waiting, expected)};
  }
  return {pool, share.Pick(waiting, expected)};
}

FairQueue::Cost Scheduler::Impl::CostOf(const Mailbox& mailbox, Duration time) const {
  const auto microseconds =
      std::chrono::duration_cast<std::chrono::microseconds>(std::max(time, Duration::zero()));
  const auto whole = static_cast<FairQueue::Cost>(microseconds.count());
  return whole * FairQueue::kCostPerMicrosecond / tenants[mailbox.tenant].weight;
}

Duration Scheduler::Impl::ExpectedTime(const std::array<MeanDuration, kKindCount>& times,
                                       JobKind kind) const {
  return times[scheduler::Index(kind)].value_or(kind == JobKind::kNew ? options.assumed_check
                                                                      : options.backfill_slice);
}

KindTimes Scheduler::Impl::ExpectedTimes(const std::array<MeanDuration, kKindCount>& times,
                                         float least) const {
  KindTimes expected;
  for (const JobKind kind : kKinds) {
    const float seconds = std::chrono::duration<float>(ExpectedTime(times, kind)).count();
    expected[scheduler::Index(kind)] = std::max(seconds, least);
  }
  return expected;
}

KindTimes Scheduler::Impl::ExpectedTimes(const PoolState& pool) const {
  return ExpectedTimes(pool.service_times, LoginTime(pool));
}

KindTimes Scheduler::Impl::ExpectedTimes(const EgressState& egress) const {
  return ExpectedTimes(egress.service_times, kSecondsMin);
}

// Where logins are what is scarce, each takes its part of all connections' time.
float Scheduler::Impl::LoginTime(const PoolState& pool) const {
  const auto logins = static_cast<float>(hosts[pool.host].limits.logins_per_second);
  return std::max(static_cast<float>(ConnectionsMax(pool)) / logins, kSecondsMin);
}

void Scheduler::Impl::ChargeKinds(GrantRecord& record, bool login) {
  PoolState& pool = pools[record.pool];
  EgressState& egress = egresses[pool.egress];
  const size_t own = scheduler::Index(record.kind);
  record.least = login ? LoginTime(pool) : kSecondsMin;
  KindTimes expected = ExpectedTimes(pool);
  record.expected =
      std::chrono::duration<float>(ExpectedTime(pool.service_times, record.kind)).count();
  expected[own] = std::max(record.expected, record.least);
  record.pool_charge = pool.share.OnGrant(record.kind, Grantable(pool), expected);
  KindTimes of_egress = ExpectedTimes(egress);
  of_egress[own] = std::max(record.expected, kSecondsMin);
  // Nobody was passed over while the address had room.
  const bool full = egress.connections >= egress.connections_max;
  record.egress_charge =
      egress.share.OnGrant(record.kind, full ? OpenKinds(egress) : KindSet{}, of_egress);
}

// Puts the mailbox out on a connection that its caller has counted.
Grant Scheduler::Impl::MakeGrant(Index index, JobKind kind, bool login, bool probe) {
  Mailbox& mailbox = mailboxes[index];
  PoolState& pool = pools[mailbox.pool];
  const JobRank rank = RankOf(mailbox, kind);
  const Mailbox::QueuedJob job = mailbox.job(kind);

  if (free_grants.empty()) {
    MH_CHECK(grants.size() <= kSlotMask);
    free_grants.push_back(static_cast<Index>(grants.size()));
    grants.emplace_back();
  }
  const Index slot = free_grants.back();
  free_grants.pop_back();
  ++granted;
  // The low bits find the record, the high bits tell its uses apart.
  GrantRecord& record = grants[slot];
  record = GrantRecord{};
  record.ticket = (++last_ticket << kSlotBits) | slot;
  record.mailbox = index;
  record.pool = mailbox.pool;
  record.pool_epoch = pool.health.epoch();
  record.kind = kind;
  record.probe = probe;
  record.login = login;
  record.since = now;
  record.connected = now;
  record.promised = job.deadline;

  ChargeKinds(record, login);
  record.slicing = kind != JobKind::kNew;
  pool.slices += record.slicing ? 1 : 0;
  ++pool.grants[scheduler::Index(kind)];
  if (FairQueue* const queue = QueueOf(pool, kind); queue != nullptr) {
    record.cost = CostOf(mailbox, ExpectedTime(pool.service_times, kind));
    record.charged = queue->Charge(mailbox.tenant, rank, record.cost, now);
  }
  if (job.deadline < now) {
    ++deadline_misses;
    ++tenants[mailbox.tenant].deadline_misses;
  }
  Dequeue(index, kind);
  --queued;
  mailbox.refresh = mailbox.refresh && kind != JobKind::kNew;
  mailbox.out = true;
  ParkOthers(index);

  Grant grant;
  grant.job = Job{mailbox.id, kind, job.not_before, job.deadline, rank.refresh, rank.freshness};
  grant.host = pool.host;
  grant.egress = pool.egress;
  grant.ticket = record.ticket;
  grant.slice = options.backfill_slice;
  grant.slice_bytes =
      std::min(options.backfill_slice_bytes,
               pool.budget.Available(kind, hosts[pool.host].limits.bytes_per_day, clock, now));
  return grant;
}

Scheduler::Impl::GrantRecord& Scheduler::Impl::FindGrant(const Grant& grant) {
  const uint64_t slot = grant.ticket & kSlotMask;
  MH_CHECK(grant.ticket != 0 && slot < grants.size() && grants[slot].ticket == grant.ticket);
  return grants[slot];
}

void Scheduler::Impl::EndSlice(GrantRecord& record) {
  pools[record.pool].slices -= std::exchange(record.slicing, false) ? 1 : 0;
}

// Ends a grant: its mailbox is back, its ticket void. The connection is the caller's to count.
Scheduler::Impl::GrantRecord Scheduler::Impl::Release(const Grant& grant) {
  EndSlice(FindGrant(grant));
  const GrantRecord record = FindGrant(grant);
  const auto slot = static_cast<Index>(grant.ticket & kSlotMask);
  grants[slot] = GrantRecord{};
  free_grants.push_back(slot);
  --granted;
  mailboxes[record.mailbox].out = false;
  if (record.probe) {
    --pools[record.pool].probes;
    --hosts[pools[record.pool].host].probes;
  }
  return record;
}

// The most urgent job that waits only for the mailbox to come back, at present.
std::optional<JobKind> Scheduler::Impl::NextOf(Index mailbox) const {
  for (const JobKind kind : kKinds) {
    if (mailboxes[mailbox].state(kind) == JobState::kParked && DueOf(mailbox, kind) <= now) {
      return kind;
    }
  }
  return std::nullopt;
}

// Whether a mailbox that is out has to give its connection up instead of going on with `kind`.
bool Scheduler::Impl::MustYield(const GrantRecord& record, JobKind kind) {
  const Mailbox& mailbox = mailboxes[record.mailbox];
  const PoolState& pool = pools[mailbox.pool];
  const EgressState& egress = egresses[pool.egress];
  const uint32_t connections_max = ConnectionsMax(pool);
  if (mailbox.moving || !egress.usable(now) || pool.health.blocked_until() > now ||
      BudgetOpenAt(pool, kind) > now || pool.connections > connections_max ||
      egress.connections > egress.connections_max) {
    return true;
  }
  const bool egress_full = egress.connections == egress.connections_max;
  const bool full = egress_full || pool.connections == connections_max;
  if (kind != JobKind::kNew && !SliceMayGoOn(record, kind)) {
    return true;
  }
  return full && (PoolRivalGoesFirst(mailbox, kind) ||
                  (egress_full && EgressRivalGoesFirst(mailbox, kind)));
}

// Whether a connection that is free now may be kept for a slice. Checks that wait only for their
// logins, or come soon, need connections too.
bool Scheduler::Impl::SliceMayGoOn(const GrantRecord& record, JobKind kind) const {
  const PoolState& pool = pools[record.pool];
  if (SliceFits(pool, pool.slices - (record.slicing ? 1 : 0))) {
    return true;
  }
  KindSet waiting = Grantable(pool);
  waiting[scheduler::Index(kind)] = true;
  return pool.share.Pick(waiting, ExpectedTimes(pool)) == kind;
}

bool Scheduler::Impl::PoolRivalGoesFirst(const Mailbox& mailbox, JobKind kind) {
  const PoolState& pool = pools[mailbox.pool];
  if (KindGoesFirst(Grantable(pool), pool.share, ExpectedTimes(pool), kind)) {
    return true;
  }
  FairQueue* const queue = QueueOf(pool, kind);
  return queue != nullptr && queue->GoesBefore(mailbox.tenant, RankOf(mailbox, kind), now);
}

bool Scheduler::Impl::EgressRivalGoesFirst(const Mailbox& mailbox, JobKind kind) const {
  const EgressState& egress = egresses[pools[mailbox.pool].egress];
  if (KindGoesFirst(OpenKinds(egress), egress.share, ExpectedTimes(egress), kind)) {
    return true;
  }
  const IndexedHeap<TimePoint>& rivals = egress.open_pools[scheduler::Index(kind)];
  return !rivals.empty() && rivals.top_id() != mailbox.pool &&
         rivals.top_key() < RankOf(mailbox, kind).deadline;
}

}  // namespace mailhaul::scheduler
