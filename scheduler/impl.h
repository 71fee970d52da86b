// The scheduler's state and the moves between its queues; the public operations that use them
// stand in scheduler.cc.
//
// A pool is open when something is ready, a connection is free, nothing blocks it and its login
// window permits. Open pools lie in their egress address's heaps, one per kind they have ready;
// egress addresses with an open pool and a free connection lie in `open_egresses`. A pool that
// only time can open, wholly or for one more kind, lies in `pool_timers`.
#pragma once

#include <array>
#include <deque>
#include <map>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "scheduler/fair_queue.h"
#include "scheduler/mailbox.h"
#include "scheduler/pool.h"
#include "scheduler/timer_heap.h"

namespace mailhaul::scheduler {

struct Scheduler::Impl {
  using Index = uint32_t;  // Into one of the containers below.

  struct GrantRecord {
    uint64_t ticket = 0;  // 0: not out.
    Index mailbox = 0;
    Index pool = 0;
    uint32_t pool_epoch = 0;
    JobKind kind = JobKind::kNew;
    bool charged = false;
    bool probe = false;
    bool slicing = false;  // Counted in its pool's `slices`.
    bool login = false;    // It began with one: else its session goes on from an earlier grant.
    uint32_t drawn_day = 0;
    uint64_t drawn = 0;        // Bytes of that day, less those given back.
    FairQueue::Cost cost = 0;  // As estimated.
    float expected = 0;        // Seconds.
    float least = 0;           // Seconds that count at least for its kind.
    KindShare::Charge pool_charge;
    KindShare::Charge egress_charge;
    TimePoint since;
    TimePoint connected;                        // Its connection, perhaps for a grant before it.
    TimePoint worked_until = TimePoint::max();  // max(): until it is given back.
    // The same, of what its tenant pays for: closing too, holding what nobody else needs not.
    TimePoint charged_until = TimePoint::max();
    TimePoint promised;  // What a check's lag counts from; max(): it is not complete.
  };

  // Why a pool may not start what is due, and until when; max(): not by time.
  struct Gate {
    WaitCause cause = WaitCause::kNone;
    TimePoint until = TimePoint::min();
  };

  // A pool whose egress address its host refuses.
  struct BlockedPool {
    Index prober = kAbsent;  // The mailbox that tries it now; kAbsent: none before probe_at.
    Index last_prober = 0;   // Where the search for the next begins.
    uint32_t probes = 0;
    TimePoint probe_at;
  };

  struct MailboxBudget {
    uint64_t limit = 0;
    DayBudget budget;
  };

  explicit Impl(const Options& the_options) : options(the_options), mailbox_index(mailboxes) {}

  // Jobs (impl_jobs.cc).
  void Enqueue(Index mailbox, JobKind kind);  // Puts a job that lies nowhere where it belongs.
  void Dequeue(Index mailbox, JobKind kind);  // Takes it out of where it lies; its state is kNone.
  void PushReady(Index mailbox, JobKind kind);
  void RemoveReady(Index mailbox, JobKind kind);
  TimePoint DueOf(Index mailbox, JobKind kind) const;
  JobRank RankOf(const Mailbox& mailbox, JobKind kind) const;
  void ParkOthers(Index mailbox);
  void Unpark(Index mailbox);
  void Advance(TimePoint to);
  void FireTimers();
  void PrefetchUpcoming() const;
  void PrefetchPool(Index pool) const;
  void DropStaleTimers();
  FairQueue* QueueOf(const PoolState& pool, JobKind kind);  // nullptr: idle.
  void ReturnIfIdle(PoolState& pool, JobKind kind);

  // Pools (impl_pools.cc).
  Index FindOrAddTenant(TenantId tenant);
  Index FindOrAddPool(HostId host, EgressId egress);
  Index FindPool(HostId host, EgressId egress) const;                     // kAbsent: none.
  uint32_t WaitingIn(const PoolState& pool, const KindSet& kinds) const;  // Due jobs.
  KindSet Grantable(const PoolState& pool) const;  // Those that the day's bytes permit.
  static KindSet OpenKinds(const PoolState& pool);
  void KeepFreeForChecks(const PoolState& pool, KindSet& open) const;
  float ConnectionsForChecks(const PoolState& pool) const;
  bool SliceFits(const PoolState& pool, uint32_t slices) const;
  static KindSet OpenKinds(const EgressState& egress);
  uint32_t ConnectionsMax(const PoolState& pool) const;
  Gate GateOf(const PoolState& pool) const;
  TimePoint BudgetOpenAt(const PoolState& pool, JobKind kind) const;
  void RefreshPool(Index index);
  void RefreshEgress(EgressId index);
  void RefreshHost(HostId host);
  uint32_t OpenCircuits(const HostState& host) const;
  void CountWait(PoolState& pool, WaitCause cause) const;

  // Placement (placement.cc).
  double ScoreOf(EgressId egress, MailboxId mailbox) const;
  enum class Standing : uint8_t { kUnusable, kBlocked, kFine };
  Standing StandingOf(EgressId egress, HostId host, Index mailbox) const;
  EgressId ChooseEgress(Index mailbox, HostId host) const;
  EgressId HomeOf(MailboxId mailbox) const;  // The same without blocks by the host.
  void Relocate(Index mailbox);
  void RelocateFrom(EgressId egress);
  void RelocateTo(EgressId egress);
  void RelocateAll();
  void RefreshEgressPools(EgressId egress);
  void EndEgressBlocks();

  // Refused egress addresses (impl_blocks.cc).
  bool IsProber(Index mailbox, Index pool) const;
  bool OthersServed(Index index) const;
  void LearnBlock(const GrantRecord& record, HostVerdict verdict);
  void ProbeLater(Index index, BlockedPool& blocked);
  void BeginBlock(Index index);
  void EndBlock(Index index);
  Index FindProber(Index index, Index after) const;  // kAbsent: none.
  void StartProbes();
  void StartProbe(Index index, BlockedPool& blocked);
  void ForgetProber(Index mailbox);
  void NoteAddressChange(Index index);
  std::string ExplainBlock(Index index) const;  // "": its own address is not blocked.

  // Grants (impl_grants.cc).
  std::pair<Index, JobKind> ChoosePool(EgressId index) const;
  Grant MakeGrant(Index index, JobKind kind, bool login, bool probe);
  FairQueue::Cost CostOf(const Mailbox& mailbox, Duration time) const;
  Duration ExpectedTime(const std::array<MeanDuration, kKindCount>& times, JobKind kind) const;
  KindTimes ExpectedTimes(const std::array<MeanDuration, kKindCount>& times, float least) const;
  KindTimes ExpectedTimes(const PoolState& pool) const;
  KindTimes ExpectedTimes(const EgressState& egress) const;
  float LoginTime(const PoolState& pool) const;
  void ChargeKinds(GrantRecord& record, bool login);
  void EndSlice(GrantRecord& record);
  bool SliceMayGoOn(const GrantRecord& record, JobKind kind) const;
  GrantRecord& FindGrant(const Grant& grant);
  GrantRecord Release(const Grant& grant);
  std::optional<JobKind> NextOf(Index mailbox) const;
  bool MustYield(const GrantRecord& record, JobKind kind);
  bool PoolRivalGoesFirst(const Mailbox& mailbox, JobKind kind);
  bool EgressRivalGoesFirst(const Mailbox& mailbox, JobKind kind) const;

  // Outcomes (impl_outcomes.cc).
  CredentialVerdict Settle(const GrantRecord& record, const Status& outcome);
  void CorrectKinds(const GrantRecord& record, Duration time);
  void SettleTime(const GrantRecord& record, bool succeeded);
  void LearnHealth(const GrantRecord& record, HostVerdict verdict, const Status& outcome);
  void OnHostAnswers(const GrantRecord& record);
  void BackOff(Index index, const PoolState& pool, HostVerdict verdict, const Status& outcome,
               CredentialVerdict credentials);
  void ForgetFailures(Index index);
  BackoffBounds Bounds() const { return {options.backoff_min, options.backoff_max}; }
  static uint64_t SeedOf(const PoolState& pool);

  // Evidence (explain.cc).
  Explanation Explain(Index mailbox);
  Gate ExplainPool(const PoolState& pool, JobKind kind) const;
  uint32_t Ahead(const PoolState& pool, JobKind kind) const;

  const Options options;
  TimePoint now = TimePoint::min();  // The latest that anybody told us.
  TimePoint logins_from = TimePoint::min();
  DayClock clock;

  std::vector<TenantState> tenants;
  std::unordered_map<uint32_t, Index> tenant_index;

  Mailboxes mailboxes;
  MailboxIndex mailbox_index;
  std::vector<Index> free_mailboxes;
  std::unordered_map<Index, RefusedLogins> refused_logins;   // Of mailboxes with auth_failed.
  std::unordered_map<Index, MailboxBudget> mailbox_budgets;  // Of mailboxes with has_budget.

  TimerHeap timers;
  uint32_t timer_stamp = 0;
  size_t timed = 0;  // Entries of `timers` that count.

  std::deque<FairQueue> queues;
  std::vector<Index> free_queues;

  std::vector<HostState> hosts;
  std::unordered_map<std::string, HostId> host_index;
  Pools pools;
  IndexedHeap<TimePoint> pool_timers;

  std::vector<EgressState> egresses;
  std::unordered_map<std::string, EgressId> egress_index;
  Positions egress_positions;
  IndexedHeap<std::pair<JobKind, TimePoint>> open_egresses;  // By most urgent kind, its deadline.
  TimePoint next_unblock = TimePoint::max();                 // Of an egress address.
  std::map<Index, BlockedPool> blocked_pools;                // By pool.
  TimePoint next_probe = TimePoint::max();                   // Of a blocked pool.
  std::deque<AddressChange> address_changes;                 // Not yet asked for.

  std::vector<GrantRecord> grants;
  std::vector<Index> free_grants;
  uint64_t last_ticket = 0;
  size_t queued = 0;
  size_t granted = 0;
  uint64_t deadline_misses = 0;
};

}  // namespace mailhaul::scheduler
