// A small world around one Scheduler: hosts that go down, throttle and count bytes, egress
// addresses that come and go, mailboxes of weighted tenants with checks, refreshes, windows and
// backfills, sessions that take time. All from one seed, on virtual time.
//
// The world keeps its own books from what it sees (grants, logins, connections) and stops with a
// description at the first step that breaks a promise of scheduler.h or README.md.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
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
  uint64_t blocks() const { return blocks_; }  // Addresses found to be refused by a host.

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
    bool placed = false;      // Was granted before, from `egress`, at `placed_at`.
    bool pool_known = false;  // And no address came or went since.
    TimePoint placed_at;
    bool out = false;
    TimePoint free_since;                   // Back from its last grant and its back-off.
    std::array<int, kKinds> slices_left{};  // Of a check: what is under way or comes next.
    std::array<SimJob, kKinds> jobs;
    bool checked_after_faults = false;
  };
  struct SimEgress {
    uint32_t limit = 0;
    uint32_t connections = 0;
    bool removed = false;
    TimePoint blocked_until;
  };
  enum class HostState { kUp, kDead, kThrottling };
  struct SimHost {
    HostLimits limits;
    HostState state = HostState::kUp;
    std::optional<EgressId> refuses;  // An address, until some time after the other faults.
    uint32_t blocked = 0;             // Addresses of which the scheduler knows that.
  };
  struct SimPool {
    uint32_t connections = 0;
    std::deque<TimePoint> logins;
    bool last_passed_over_new = false;
    Duration past_backfill{};  // Time of others granted since it had a turn, while it waited.
    TimePoint last_new;
    std::map<uint32_t, uint64_t> drawn;       // By day.
    std::map<uint32_t, uint64_t> drawn_bulk;  // Of it, by window and backfill.
  };
  struct Session {
    Grant grant;
    TimePoint ends;
    uint32_t drawn_day = 0;
    uint64_t drawn = 0;
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
  void ToggleWorld();
  void ToggleEgress();
  void RestoreEgress();
  void OnEgressChange();
  void ClearSomeBackoff();
  void HearOfBlocks();
  void Draw(Session& session);
  void GiveBack(const Session& session);
  TimePoint NextEvent();
  bool Done() const;

  bool Due(const SimMailbox& mailbox, size_t kind) const;
  bool SomeoneWaits(const PoolKey& pool, JobKind kind) const;
  void CheckGrant(const Grant& grant);
  void CheckPlace(const Grant& grant);
  void CheckLogin(const Grant& grant);
  void CheckTurn(const Grant& grant, bool login);
  void CheckShare(const Session& session, bool login);
  bool SliceIsOut(const PoolKey& pool) const;
  void CheckContinue(const Grant& grant);
  void CheckNewMailWait(const Grant& grant, SimPool& pool);
  void CheckNothingMayStart();
  void CheckNoWakeIsMissed(TimePoint next);
  bool HasReasonToWait(const PoolStats& stats) const;
  bool Usable(EgressId egress) const;
  uint32_t Today() const;
  bool DayIsUsedUp(const PoolStats& stats) const;
  void Violate(const std::string& what);
  void Trace(uint64_t value);

  SeededRandom random_;
  Options options_;
  Scheduler scheduler_;
  bool calm_ = false;  // No faults, no login or byte limit, wide egress addresses that stay.
  TimePoint now_;
  TimePoint next_toggle_;
  std::vector<SimHost> hosts_;
  std::vector<SimEgress> egresses_;
  TimePoint address_came_;             // The last time that one was added or unblocked.
  std::vector<SimMailbox> mailboxes_;  // Mailbox id = index + 1.
  std::map<PoolKey, SimPool> pools_;
  std::vector<Session> sessions_;
  std::string violation_;
  uint64_t trace_ = 0;
  uint64_t grants_ = 0;
  uint64_t blocks_ = 0;
};

}  // namespace mailhaul::scheduler
