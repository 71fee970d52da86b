// A small world around one Scheduler: hosts that go down and throttle, mailboxes of several tenants
// with checks, windows and backfills, sessions that take time. All from one seed, on virtual time.
//
// The world keeps its own books from what it sees (grants, logins, connections) and stops with a
// description at the first step that breaks a promise of scheduler.h or README.md.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "base/random.h"
#include "scheduler/scheduler.h"

namespace mailhaul::scheduler {

class Simulation final {
 public:
  explicit Simulation(uint64_t seed);

  // Until all is collected after the faults stopped, or a promise is broken.
  void Run();
  const std::string& violation() const { return violation_; }  // Empty: none.
  uint64_t trace() const { return trace_; }                    // A hash of all that was granted.
  uint64_t grants() const { return grants_; }

 private:
  static constexpr size_t kKinds = 3;
  using PoolKey = std::pair<HostId, EgressId>;

  struct SimJob {
    bool queued = false;
    TimePoint not_before;
    TimePoint deadline;
  };
  struct SimMailbox {
    HostId host = 0;
    EgressId egress = 0;
    bool placed = false;  // Its egress address is known from its first grant.
    bool out = false;
    TimePoint free_since;  // Back from its last grant and its back-off.
    std::array<int, kKinds> slices_left{};
    std::array<SimJob, kKinds> jobs;
    bool checked_after_faults = false;
  };
  enum class HostState { kUp, kDead, kThrottling };
  struct SimHost {
    HostLimits limits;
    HostState state = HostState::kUp;
  };
  struct SimPool {
    uint32_t connections = 0;
    std::deque<TimePoint> logins;
    bool last_passed_over_new = false;
    uint32_t grants_past_backfill = 0;
    TimePoint last_new;
  };
  struct Session {
    Grant grant;
    TimePoint ends;
  };

  void Build();
  void BuildMailboxes(uint32_t count, uint32_t tenants);
  void Submit(uint32_t box, JobKind kind, TimePoint not_before, TimePoint deadline);
  void SubmitFollowUp(const Grant& grant, const Status& outcome);

  void TakeAll();
  void StartSession(const Grant& grant, bool login);
  void EndDueSessions();
  void EndSession(const Session& session);
  Status OutcomeFor(const Grant& grant);
  void ToggleHosts();
  TimePoint NextEvent();
  bool Done() const;

  bool Due(const SimMailbox& mailbox, size_t kind) const;
  bool SomeoneWaits(const PoolKey& pool, JobKind kind) const;
  void CheckGrant(const Grant& grant);
  void CheckLogin(const Grant& grant);
  void CheckTurn(const Grant& grant, bool login);
  void CheckContinue(const Grant& grant);
  void CheckNewMailWait(const Grant& grant, SimPool& pool);
  void CheckNothingMayStart();
  void CheckNoWakeIsMissed(TimePoint next);
  bool HasReasonToWait(const PoolStats& stats) const;
  void Violate(const std::string& what);
  void Trace(uint64_t value);

  SeededRandom random_;
  Options options_;
  Scheduler scheduler_;
  bool calm_ = false;  // No faults, no login limit, wide egress addresses.
  TimePoint now_;
  TimePoint next_toggle_;
  std::vector<SimHost> hosts_;
  std::vector<uint32_t> egress_limits_;
  std::vector<uint32_t> egress_connections_;
  std::vector<SimMailbox> mailboxes_;  // Mailbox id = index + 1.
  std::map<PoolKey, SimPool> pools_;
  std::vector<Session> sessions_;
  std::string violation_;
  uint64_t trace_ = 0;
  uint64_t grants_ = 0;
};

}  // namespace mailhaul::scheduler
