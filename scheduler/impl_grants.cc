// The choice of what goes next, and whether a connection may be kept.
#include <algorithm>

#include "base/check.h"
#include "scheduler/backoff.h"
#include "scheduler/impl.h"

namespace mailhaul::scheduler {

namespace {

// At most 2^24 grants out at once, and 2^40 in the life of a process.
constexpr unsigned kSlotBits = 24;
constexpr uint64_t kSlotMask = (uint64_t{1} << kSlotBits) - 1;

// Whether a waiting kind goes before `own`: a more urgent one always, a less urgent one in its
// turn.
bool KindGoesFirst(const KindSet& waiting, const KindShare& share, JobKind own) {
  if (waiting == KindSet{}) {
    return false;
  }
  KindSet candidates = waiting;
  candidates[Index(own)] = true;
  return MostUrgent(candidates) != own || share.Pick(candidates) != own;
}

}  // namespace

// The pool that goes next on an egress address with an open pool, and the kind of job it gives. The
// address has shares of its own: else pools with new mail could starve another pool's backfill.
std::pair<Scheduler::Impl::Index, JobKind> Scheduler::Impl::ChoosePool(EgressId index) const {
  const EgressState& egress = egresses[index];
  const KindSet open = OpenKinds(egress);
  const JobKind wanted = egress.share.Pick(open);
  const Index pool = egress.open_pools[scheduler::Index(wanted)].top_id();
  const KindSet waiting = Grantable(pools[pool]);
  const KindShare& share = pools[pool].share;
  const bool out_of_turn = wanted != MostUrgent(open);
  if (out_of_turn && share.MayPassOver(waiting)) {
    return {pool, share.PickInsteadOf(wanted, waiting)};
  }
  return {pool, share.Pick(waiting)};
}

FairQueue::Cost Scheduler::Impl::CostOf(const Mailbox& mailbox, Duration time) const {
  const auto microseconds =
      std::chrono::duration_cast<std::chrono::microseconds>(std::max(time, Duration::zero()));
  const auto whole = static_cast<FairQueue::Cost>(microseconds.count());
  return whole * FairQueue::kCostPerMicrosecond / tenants[mailbox.tenant].weight;
}

Duration Scheduler::Impl::ExpectedTime(const PoolState& pool, JobKind kind) const {
  return pool.service_times[scheduler::Index(kind)].value_or(
      kind == JobKind::kNew ? options.assumed_check : options.backfill_slice);
}

// Puts the mailbox out on a connection that its caller has counted.
Grant Scheduler::Impl::MakeGrant(Index index, JobKind kind, bool probe) {
  Mailbox& mailbox = mailboxes[index];
  PoolState& pool = pools[mailbox.pool];
  EgressState& egress = egresses[pool.egress];
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
  record.since = now;

  pool.share.OnGrant(kind, Grantable(pool));
  egress.share.OnGrant(kind, OpenKinds(egress));
  ++pool.grants[scheduler::Index(kind)];
  if (FairQueue* const queue = QueueOf(pool, kind); queue != nullptr) {
    record.cost = CostOf(mailbox, ExpectedTime(pool, kind));
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
  grant.job = Job{mailbox.id, kind, job.not_before, job.deadline, rank.refresh};
  grant.host = pool.host;
  grant.egress = pool.egress;
  grant.ticket = record.ticket;
  if (kind != JobKind::kNew) {
    grant.slice = options.backfill_slice;
    grant.slice_bytes =
        std::min(options.backfill_slice_bytes,
                 pool.budget.Available(kind, hosts[pool.host].limits.bytes_per_day, clock, now));
  }
  return grant;
}

Scheduler::Impl::GrantRecord& Scheduler::Impl::FindGrant(const Grant& grant) {
  const uint64_t slot = grant.ticket & kSlotMask;
  MH_CHECK(grant.ticket != 0 && slot < grants.size() && grants[slot].ticket == grant.ticket);
  return grants[slot];
}

// Ends a grant: its mailbox is back, its ticket void. The connection is the caller's to count.
Scheduler::Impl::GrantRecord Scheduler::Impl::Release(const Grant& grant) {
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
bool Scheduler::Impl::MustYield(Index index, JobKind kind) {
  const Mailbox& mailbox = mailboxes[index];
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
  return full && (PoolRivalGoesFirst(mailbox, kind) ||
                  (egress_full && EgressRivalGoesFirst(mailbox, kind)));
}

bool Scheduler::Impl::PoolRivalGoesFirst(const Mailbox& mailbox, JobKind kind) {
  const PoolState& pool = pools[mailbox.pool];
  if (KindGoesFirst(Grantable(pool), pool.share, kind)) {
    return true;
  }
  FairQueue* const queue = QueueOf(pool, kind);
  return queue != nullptr && queue->GoesBefore(mailbox.tenant, RankOf(mailbox, kind), now);
}

bool Scheduler::Impl::EgressRivalGoesFirst(const Mailbox& mailbox, JobKind kind) const {
  const EgressState& egress = egresses[pools[mailbox.pool].egress];
  if (KindGoesFirst(OpenKinds(egress), egress.share, kind)) {
    return true;
  }
  const IndexedHeap<TimePoint>& rivals = egress.open_pools[scheduler::Index(kind)];
  return !rivals.empty() && rivals.top_id() != mailbox.pool &&
         rivals.top_key() < RankOf(mailbox, kind).deadline;
}

}  // namespace mailhaul::scheduler
