#include "scheduler/impl.h"

#include <algorithm>

#include "base/check.h"
#include "scheduler/backoff.h"

namespace mailhaul::scheduler {

namespace {

constexpr uint32_t kFailuresCountMax = 1'000'000;
// At most 2^24 grants out at once, and 2^40 in the life of a process.
constexpr unsigned kSlotBits = 24;
constexpr uint64_t kSlotMask = (uint64_t{1} << kSlotBits) - 1;

uint64_t HashText(std::string_view text) {
  uint64_t hash = text.size();
  for (const char c : text) {
    hash = MixHash(hash, static_cast<unsigned char>(c));
  }
  return hash;
}

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

Scheduler::Impl::Pool::Pool(const Options& options, HostId of_host, EgressId of_egress,
                            const HostLimits& limits)
    : host(of_host),
      egress(of_egress),
      queues{FairQueue(FairQueue::Mode::kDeadlines), FairQueue(FairQueue::Mode::kShares),
             FairQueue(FairQueue::Mode::kShares)},
      share(options.backfill_share_inverse),
      logins(limits.logins_per_second),
      health(limits.connections, options.backoff_min, options.backoff_max,
             MixHash(of_host, of_egress)) {}

Scheduler::Impl::Egress::Egress(const Options& options, std::string_view its_address,
                                uint32_t limit)
    : address(its_address),
      address_hash(HashText(its_address)),
      connections_max(limit),
      share(options.backfill_share_inverse) {}

Scheduler::Impl::Index Scheduler::Impl::JobIndex(Index mailbox, JobKind kind) {
  return mailbox * static_cast<Index>(kKindCount) + static_cast<Index>(kind);
}

void Scheduler::Impl::Enqueue(Index mailbox, JobKind kind) {
  Mailbox& owner = mailboxes[mailbox];
  QueuedJob& job = owner.jobs[scheduler::Index(kind)];
  MH_CHECK(job.state == JobState::kNone);
  const TimePoint due = std::max(job.not_before, owner.backoff_until);
  if (due > now) {
    timers.Push(JobIndex(mailbox, kind), due, job_positions);
    job.state = JobState::kTimed;
  } else if (owner.out) {
    job.state = JobState::kParked;
  } else {
    FairQueue& queue = pools[owner.pool].queues[scheduler::Index(kind)];
    queue.Push(owner.lane, JobIndex(mailbox, kind), RankOf(owner, kind), job_positions);
    job.state = JobState::kReady;
  }
}

void Scheduler::Impl::Dequeue(Index mailbox, JobKind kind) {
  const Mailbox& owner = mailboxes[mailbox];
  QueuedJob& job = mailboxes[mailbox].jobs[scheduler::Index(kind)];
  if (job.state == JobState::kTimed) {
    timers.Remove(JobIndex(mailbox, kind), job_positions);
  } else if (job.state == JobState::kReady) {
    FairQueue& queue = pools[owner.pool].queues[scheduler::Index(kind)];
    queue.Remove(owner.lane, JobIndex(mailbox, kind), RankOf(owner, kind), job_positions);
  }
  job.state = JobState::kNone;
}

// What else is due of a mailbox that goes out leaves its pool's queues, so that it blocks nobody.
void Scheduler::Impl::ParkOthers(Index mailbox) {
  for (const JobKind kind : kKinds) {
    if (mailboxes[mailbox].jobs[scheduler::Index(kind)].state == JobState::kReady) {
      Dequeue(mailbox, kind);
      Enqueue(mailbox, kind);
    }
  }
}

// After a grant: what waited for the mailbox becomes ready, or waits for its back-off.
void Scheduler::Impl::Unpark(Index mailbox) {
  for (const JobKind kind : kKinds) {
    const JobState state = mailboxes[mailbox].jobs[scheduler::Index(kind)].state;
    const bool held_back = mailboxes[mailbox].backoff_until > now;
    if (state == JobState::kParked || (state == JobState::kTimed && held_back)) {
      Dequeue(mailbox, kind);
      Enqueue(mailbox, kind);
    }
  }
}

void Scheduler::Impl::Advance(TimePoint to) {
  now = std::max(now, to);
  while (!timers.empty() && timers.top_key() <= now) {
    const Index job = timers.top_id();
    const Index mailbox = job / static_cast<Index>(kKindCount);
    const JobKind kind = kKinds[job % kKindCount];
    Dequeue(mailbox, kind);
    Enqueue(mailbox, kind);
    RefreshPool(mailboxes[mailbox].pool);
  }
  while (!pool_timers.empty() && pool_timers.top_key() <= now) {
    RefreshPool(pool_timers.top_id());
  }
}

Scheduler::Impl::Index Scheduler::Impl::FindOrAddTenant(TenantId tenant) {
  const auto [entry, added] =
      tenant_index.try_emplace(tenant.value, static_cast<Index>(tenants.size()));
  if (added) {
    tenants.emplace_back();
  }
  return entry->second;
}

Scheduler::Impl::Index Scheduler::Impl::FindOrAddPool(HostId host, EgressId egress) {
  const auto [entry, added] =
      hosts[host].pools.try_emplace(egress, static_cast<Index>(pools.size()));
  if (added) {
    pools.emplace_back(options, host, egress, hosts[host].limits);
    pool_timer_positions.push_back(kAbsent);
    for (Positions& positions : open_positions) {
      positions.push_back(kAbsent);
    }
  }
  return entry->second;
}

FairQueue::Lane Scheduler::Impl::FindOrAddLane(Pool& pool, Index tenant) {
  const auto lane = static_cast<FairQueue::Lane>(pool.lanes.size());
  const auto [entry, added] = pool.lanes.try_emplace(tenant, lane);
  if (added) {
    for (FairQueue& queue : pool.queues) {
      queue.AddLane();
    }
  }
  return entry->second;
}

// Rendezvous hashing: one address more or less moves only the mailboxes that must move.
EgressId Scheduler::Impl::ChooseEgress(MailboxId mailbox) const {
  EgressId best = 0;
  uint64_t best_weight = 0;
  for (EgressId i = 0; i < egresses.size(); ++i) {
    const uint64_t weight = MixHash(egresses[i].address_hash, mailbox.value);
    if (i == 0 || weight > best_weight) {
      best = i;
      best_weight = weight;
    }
  }
  return best;
}

KindSet Scheduler::Impl::Waiting(const Pool& pool) {
  KindSet waiting{};
  for (size_t i = 0; i < kKindCount; ++i) {
    waiting[i] = !pool.queues[i].empty();
  }
  return waiting;
}

KindSet Scheduler::Impl::OpenKinds(const Egress& egress) {
  KindSet open{};
  for (size_t i = 0; i < kKindCount; ++i) {
    open[i] = !egress.open_pools[i].empty();
  }
  return open;
}

void Scheduler::Impl::RefreshPool(Index index) {
  Pool& pool = pools[index];
  const KindSet waiting = Waiting(pool);
  const bool startable = waiting != KindSet{} && pool.connections < pool.health.connections_max();
  const TimePoint open_at = std::max(pool.health.blocked_until(), pool.logins.OpenAt());
  const bool open = startable && open_at <= now;
  if (startable && !open) {
    pool_timers.Put(index, open_at, pool_timer_positions);
  } else {
    pool_timers.RemoveIfPresent(index, pool_timer_positions);
  }
  Egress& egress = egresses[pool.egress];
  for (size_t i = 0; i < kKindCount; ++i) {
    if (open && waiting[i]) {
      egress.open_pools[i].Put(index, pool.queues[i].Peek(now).rank.deadline, open_positions[i]);
    } else {
      egress.open_pools[i].RemoveIfPresent(index, open_positions[i]);
    }
  }
  RefreshEgress(pool.egress);
}

void Scheduler::Impl::RefreshEgress(EgressId index) {
  const Egress& egress = egresses[index];
  const KindSet open = OpenKinds(egress);
  if (open == KindSet{} || egress.connections >= egress.connections_max) {
    open_egresses.RemoveIfPresent(index, egress_positions);
    return;
  }
  const JobKind kind = MostUrgent(open);
  const TimePoint deadline = egress.open_pools[scheduler::Index(kind)].top_key();
  open_egresses.Put(index, {kind, deadline}, egress_positions);
}

// The pool that goes next on an egress address with an open pool, and the kind of job it gives. The
// address has shares of its own: else pools with new mail could starve another pool's backfill.
std::pair<Scheduler::Impl::Index, JobKind> Scheduler::Impl::ChoosePool(EgressId index) const {
  const Egress& egress = egresses[index];
  const KindSet open = OpenKinds(egress);
  const JobKind wanted = egress.share.Pick(open);
  const Index pool = egress.open_pools[scheduler::Index(wanted)].top_id();
  const KindSet waiting = Waiting(pools[pool]);
  const KindShare& share = pools[pool].share;
  const bool out_of_turn = wanted != MostUrgent(open);
  if (out_of_turn && share.MayPassOver(waiting)) {
    return {pool, share.PickInsteadOf(wanted, waiting)};
  }
  return {pool, share.Pick(waiting)};
}

// Puts the mailbox out on a connection that its caller has counted.
Grant Scheduler::Impl::MakeGrant(Index index, JobKind kind) {
  Mailbox& mailbox = mailboxes[index];
  Pool& pool = pools[mailbox.pool];
  Egress& egress = egresses[pool.egress];
  const QueuedJob job = mailbox.jobs[scheduler::Index(kind)];

  pool.share.OnGrant(kind, Waiting(pool));
  egress.share.OnGrant(kind, OpenKinds(egress));
  const FairQueue::Cost cost = CostOf(mailbox, ExpectedTime(pool, kind));
  const bool charged =
      pool.queues[scheduler::Index(kind)].Charge(mailbox.lane, RankOf(mailbox, kind), cost, now);
  deadline_misses += job.deadline < now ? 1 : 0;
  Dequeue(index, kind);
  --queued;
  mailbox.out = true;
  ParkOthers(index);

  if (free_grants.empty()) {
    MH_CHECK(grants.size() <= kSlotMask);
    free_grants.push_back(static_cast<Index>(grants.size()));
    grants.emplace_back();
  }
  const Index slot = free_grants.back();
  free_grants.pop_back();
  ++granted;
  // The low bits find the record, the high bits tell its uses apart.
  const uint64_t ticket = (++last_ticket << kSlotBits) | slot;
  grants[slot] = GrantRecord{.ticket = ticket,
                             .mailbox = index,
                             .pool_epoch = pool.health.epoch(),
                             .kind = kind,
                             .charged = charged,
                             .cost = cost,
                             .since = now};

  Grant grant;
  grant.job = Job{mailbox.id, kind, job.not_before, job.deadline, job.refresh};
  grant.host = pool.host;
  grant.egress = pool.egress;
  grant.ticket = ticket;
  if (kind != JobKind::kNew) {
    grant.slice = options.backfill_slice;
    grant.slice_bytes = options.backfill_slice_bytes;
  }
  return grant;
}

// A check counts as due the earlier, the more mail is expected.
JobRank Scheduler::Impl::RankOf(const Mailbox& mailbox, JobKind kind) const {
  const QueuedJob& job = mailbox.jobs[scheduler::Index(kind)];
  JobRank rank{job.deadline, job.refresh};
  if (kind == JobKind::kNew && mailbox.arrivals.per_hour() > 0 && job.deadline > job.not_before) {
    const Duration most =
        std::min(options.arrival_bonus_max, Since(job.not_before, job.deadline) / 4);
    rank.deadline -= Duration(
        static_cast<int64_t>(static_cast<double>(most.count()) * mailbox.arrivals.busyness()));
  }
  return rank;
}

FairQueue::Cost Scheduler::Impl::CostOf(const Mailbox& mailbox, Duration time) const {
  const auto microseconds =
      std::chrono::duration_cast<std::chrono::microseconds>(std::max(time, Duration::zero()));
  const auto whole = static_cast<FairQueue::Cost>(microseconds.count());
  return whole * FairQueue::kCostPerMicrosecond / tenants[mailbox.tenant].weight;
}

Duration Scheduler::Impl::ExpectedTime(const Pool& pool, JobKind kind) const {
  return pool.service_times[scheduler::Index(kind)].value_or(
      kind == JobKind::kNew ? options.assumed_check : options.backfill_slice);
}

// Charges the tenant what the grant really took.
void Scheduler::Impl::SettleTime(const GrantRecord& record, bool succeeded) {
  const Mailbox& mailbox = mailboxes[record.mailbox];
  Pool& pool = pools[mailbox.pool];
  const Duration time = Since(record.since, std::min(record.worked_until, now));
  if (record.charged) {
    pool.queues[scheduler::Index(record.kind)].Correct(mailbox.lane, record.cost,
                                                       CostOf(mailbox, time));
  }
  if (succeeded) {
    pool.service_times[scheduler::Index(record.kind)].Record(time);
  }
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
  return record;
}

// What an outcome teaches the pool and the mailbox.
void Scheduler::Impl::Settle(Mailbox& mailbox, Pool& pool, uint32_t epoch, const Status& outcome) {
  pool.health.OnOutcome(outcome, epoch, now);
  if (outcome.code() == Code::kCancelled) {
    return;
  }
  if (outcome.ok()) {
    mailbox.failures = 0;
    mailbox.backoff_until = TimePoint::min();
    return;
  }
  mailbox.failures = std::min(mailbox.failures + 1, kFailuresCountMax);
  uint32_t own_failures = mailbox.failures;
  if (outcome.code() == Code::kThrottled) {
    // The first is the pool's affair; one that is throttled again and again backs off as well, or
    // it alone would hold the pool back.
    --own_failures;
  }
  if (own_failures > 0) {
    mailbox.backoff_until = After(now, BackoffDelay(options.backoff_min, options.backoff_max,
                                                    own_failures, mailbox.id.value));
  }
}

// The most urgent job that waits only for the mailbox to come back, at present.
std::optional<JobKind> Scheduler::Impl::NextOf(const Mailbox& mailbox) const {
  for (const JobKind kind : kKinds) {
    if (mailbox.jobs[scheduler::Index(kind)].state == JobState::kParked) {
      return kind;
    }
  }
  return std::nullopt;
}

// Whether a mailbox that is out has to give its connection up instead of going on with `kind`.
bool Scheduler::Impl::MustYield(const Mailbox& mailbox, JobKind kind) {
  const Pool& pool = pools[mailbox.pool];
  const Egress& egress = egresses[pool.egress];
  if (pool.health.blocked_until() > now || pool.connections > pool.health.connections_max() ||
      egress.connections > egress.connections_max) {
    return true;
  }
  const bool egress_full = egress.connections == egress.connections_max;
  const bool full = egress_full || pool.connections == pool.health.connections_max();
  return full && (PoolRivalGoesFirst(mailbox, kind) ||
                  (egress_full && EgressRivalGoesFirst(mailbox, kind)));
}

bool Scheduler::Impl::PoolRivalGoesFirst(const Mailbox& mailbox, JobKind kind) {
  Pool& pool = pools[mailbox.pool];
  if (KindGoesFirst(Waiting(pool), pool.share, kind)) {
    return true;
  }
  return pool.queues[scheduler::Index(kind)].GoesBefore(mailbox.lane, RankOf(mailbox, kind), now);
}

bool Scheduler::Impl::EgressRivalGoesFirst(const Mailbox& mailbox, JobKind kind) const {
  const Egress& egress = egresses[pools[mailbox.pool].egress];
  if (KindGoesFirst(OpenKinds(egress), egress.share, kind)) {
    return true;
  }
  const IndexedHeap<TimePoint>& rivals = egress.open_pools[scheduler::Index(kind)];
  const TimePoint deadline = RankOf(mailbox, kind).deadline;
  return !rivals.empty() && rivals.top_id() != mailbox.pool && rivals.top_key() < deadline;
}

}  // namespace mailhaul::scheduler
