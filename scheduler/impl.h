// The scheduler's state and the moves between its queues; the public operations that use them
// stand in scheduler.cc.
//
// A job (mailbox, kind) is in one of these states:
//   kNone    not queued, or granted
//   kTimed   in `timers`, until its not_before and its mailbox's back-off are over
//   kReady   in its pool's FairQueue
//   kParked  its time has come, but its mailbox is out on a grant
//
// A pool is open when something is ready, a connection is free, it is not blocked and its login
// window permits. Open pools lie in their egress address's heaps, one per kind they have ready;
// egress addresses with an open pool and a free connection lie in `open_egresses`. A pool that
// only time can open lies in `pool_timers`.
#pragma once

#include <array>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "scheduler/estimates.h"
#include "scheduler/fair_queue.h"
#include "scheduler/indexed_heap.h"
#include "scheduler/kind_share.h"
#include "scheduler/login_window.h"
#include "scheduler/pool_health.h"
#include "scheduler/scheduler.h"

namespace mailhaul::scheduler {

struct Scheduler::Impl {
  using Index = uint32_t;  // Into one of the vectors below.

  enum class JobState : uint8_t { kNone, kTimed, kReady, kParked };

  struct QueuedJob {
    TimePoint not_before;
    TimePoint deadline;
    JobState state = JobState::kNone;
    bool refresh = false;
  };

  struct Tenant {
    uint32_t weight = 1;
  };

  struct Mailbox {
    MailboxId id;
    Index pool = 0;
    Index tenant = 0;
    FairQueue::Lane lane = 0;
    TimePoint backoff_until = TimePoint::min();
    uint32_t failures = 0;
    ArrivalRate arrivals;
    bool out = false;
    std::array<QueuedJob, kKindCount> jobs;
  };

  struct Host {
    HostLimits limits;
    std::unordered_map<EgressId, Index> pools;
  };

  struct Pool {
    Pool(const Options& options, HostId of_host, EgressId of_egress, const HostLimits& limits);
    HostId host;
    EgressId egress;
    std::array<FairQueue, kKindCount> queues;
    std::unordered_map<Index, FairQueue::Lane> lanes;  // By tenant.
    std::array<MeanDuration, kKindCount> service_times;
    KindShare share;
    LoginWindow logins;
    PoolHealth health;
    uint32_t connections = 0;
  };

  struct Egress {
    Egress(const Options& options, std::string_view its_address, uint32_t limit);
    std::string address;
    uint64_t address_hash;
    uint32_t connections_max;
    uint32_t connections = 0;
    KindShare share;
    std::array<IndexedHeap<TimePoint>, kKindCount> open_pools;  // By next deadline.
  };

  struct GrantRecord {
    uint64_t ticket = 0;  // 0: not out.
    Index mailbox = 0;
    uint32_t pool_epoch = 0;
    JobKind kind = JobKind::kNew;
    bool charged = false;
    FairQueue::Cost cost = 0;  // As estimated.
    TimePoint since;
    TimePoint worked_until = TimePoint::max();  // max(): until it is given back.
  };

  explicit Impl(const Options& the_options) : options(the_options) {}

  // Jobs.
  static Index JobIndex(Index mailbox, JobKind kind);
  void Enqueue(Index mailbox, JobKind kind);  // Puts a job that lies nowhere where it belongs.
  void Dequeue(Index mailbox, JobKind kind);  // Takes it out of where it lies; its state is kNone.
  void ParkOthers(Index mailbox);
  void Unpark(Index mailbox);

  // Time.
  void Advance(TimePoint to);

  // Tenants.
  Index FindOrAddTenant(TenantId tenant);

  // Pools.
  Index FindOrAddPool(HostId host, EgressId egress);
  FairQueue::Lane FindOrAddLane(Pool& pool, Index tenant);
  EgressId ChooseEgress(MailboxId mailbox) const;
  static KindSet Waiting(const Pool& pool);
  static KindSet OpenKinds(const Egress& egress);
  void RefreshPool(Index index);
  void RefreshEgress(EgressId index);

  // Grants.
  std::pair<Index, JobKind> ChoosePool(EgressId index) const;
  Grant MakeGrant(Index index, JobKind kind);
  JobRank RankOf(const Mailbox& mailbox, JobKind kind) const;
  FairQueue::Cost CostOf(const Mailbox& mailbox, Duration time) const;
  Duration ExpectedTime(const Pool& pool, JobKind kind) const;
  GrantRecord& FindGrant(const Grant& grant);
  void SettleTime(const GrantRecord& record, bool succeeded);
  GrantRecord Release(const Grant& grant);
  void Settle(Mailbox& mailbox, Pool& pool, uint32_t epoch, const Status& outcome);
  std::optional<JobKind> NextOf(const Mailbox& mailbox) const;
  bool MustYield(const Mailbox& mailbox, JobKind kind);
  bool PoolRivalGoesFirst(const Mailbox& mailbox, JobKind kind);
  bool EgressRivalGoesFirst(const Mailbox& mailbox, JobKind kind) const;

  const Options options;
  TimePoint now = TimePoint::min();  // The latest that anybody told us.

  std::vector<Tenant> tenants;
  std::unordered_map<uint32_t, Index> tenant_index;

  std::unordered_map<MailboxId, Index> mailbox_index;
  std::vector<Mailbox> mailboxes;
  std::vector<Index> free_mailboxes;
  Positions job_positions;  // In timers or in one lane of a FairQueue.
  IndexedHeap<TimePoint> timers;

  std::vector<Host> hosts;
  std::unordered_map<std::string, HostId> host_index;
  std::vector<Pool> pools;
  std::array<Positions, kKindCount> open_positions;  // Of pools in Egress::open_pools.
  Positions pool_timer_positions;
  IndexedHeap<TimePoint> pool_timers;

  std::vector<Egress> egresses;
  std::unordered_map<std::string, EgressId> egress_index;
  Positions egress_positions;
  IndexedHeap<std::pair<JobKind, TimePoint>> open_egresses;  // By most urgent kind, its deadline.

  std::vector<GrantRecord> grants;
  std::vector<Index> free_grants;
  uint64_t last_ticket = 0;
  size_t queued = 0;
  size_t granted = 0;
  uint64_t deadline_misses = 0;
};

}  // namespace mailhaul::scheduler
