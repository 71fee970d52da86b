// Runs a scheduling policy over a World in virtual time, the way the engine runs the Scheduler
// (engine/app/collector*.cc): a check is queued at four fifths of the freshness, a connection is
// opened for a grant, a session goes on with the next job of its mailbox if it may, sessions of
// held mailboxes stay open while nobody needs the connection, and a connection counts until its
// close is confirmed.
//
// An event queue: no I/O, no clock, no thread, no randomness but the world's seed; equal worlds
// give equal figures. Nothing fails in it: outages and throttling cannot be foretold. Cost: about
// 2 us per check with 100,000 mailboxes. Not thread-safe.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <queue>
#include <unordered_map>
#include <vector>

#include "base/random.h"
#include "scheduler/world.h"
#include "scheduler/world_policy.h"

namespace mailhaul::scheduler {

class VirtualWorld final {
 public:
  // Both outlive it. Every mailbox was checked less than one rhythm ago, at a time of its own.
  VirtualWorld(const World& world, WorldPolicy& policy);

  struct Bounds {
    uint32_t checks_each = 0;  // Of every mailbox, from now on.
    Duration at_least{};       // Virtual time.
    Duration at_most = std::chrono::hours(24 * 7);
    uint64_t grants_max = 20'000'000;
  };
  // Lets time pass. False: a bound came before every mailbox had its checks.
  bool Run(const Bounds& bounds);

  // What is counted, begins anew: the time before was warming up.
  void ForgetFigures();

  struct Sample {           // One complete check.
    uint32_t mailbox = 0;   // Index into World::mailboxes.
    float age_seconds = 0;  // Of the complete check before it, at that moment.
  };
  struct Figures {        // Of one mailbox.
    EgressId egress = 0;  // Known from its first grant on.
    uint32_t checks = 0;  // Complete ones.
    uint32_t logins = 0;
    Duration busy{};          // Connection time, without what is held for nobody else's harm.
    uint64_t backfilled = 0;  // Bytes.
    TimePoint last_complete;  // Not reset.
    TimePoint backfill_done = TimePoint::max();  // max(): is not. Not reset.
  };
  const std::vector<Sample>& samples() const { return samples_; }
  const Figures& figures(size_t mailbox) const { return mailboxes_[mailbox].figures; }
  TimePoint now() const { return now_; }
  Duration observed() const { return now_ - figures_since_; }
  uint64_t grants() const { return grants_; }  // Since the beginning.

 private:
  enum class Phase : uint8_t { kWorking, kHeld, kClosing };
  struct Session {
    Grant grant;
    uint32_t mailbox = 0;
    Phase phase = Phase::kWorking;
    uint64_t bytes = 0;  // Backfill bytes of this stage.
    TimePoint busy_since;
    uint64_t event = 0;  // The number of the event it waits for; others of it are void.
  };
  struct Mailbox {
    Figures figures;
    uint64_t backfill_left = 0;
    bool backfill_queued = false;
    TimePoint login_not_before = TimePoint::min();
    uint32_t checks_wanted = 0;  // Of the current Run().
  };
  struct Event {
    TimePoint at;
    uint64_t number = 0;
    uint32_t session = 0;
    bool operator>(const Event& other) const {
      return at != other.at ? at > other.at : number > other.number;
    }
  };

  Duration Draw(Duration mean, double spread);
  void SubmitCheck(uint32_t mailbox, TimePoint not_before);
  void SubmitFollowing(uint32_t mailbox);
  void Pump();
  void OpenSession(const Grant& grant);
  void BeginStage(uint32_t session, Duration before);
  void Schedule(uint32_t session, Duration after);
  void OnEvent(uint32_t session);
  void OnStageDone(uint32_t session);
  void CompleteCheck(uint32_t mailbox);
  void Hold(uint32_t session);
  void Close(uint32_t session);
  void ReleaseWanted();
  uint32_t NewSession();

  const World& world_;
  WorldPolicy& policy_;
  SeededRandom random_;
  std::unordered_map<MailboxId, uint32_t> index_;
  std::vector<Mailbox> mailboxes_;
  std::vector<Session> sessions_;
  std::vector<uint32_t> free_sessions_;
  std::priority_queue<Event, std::vector<Event>, std::greater<>> events_;
  // Held sessions by pool, the one held longest first; those that are no longer held stay until
  // they come to the front.
  std::map<uint64_t, std::deque<std::pair<uint32_t, uint64_t>>> held_;
  TimePoint release_at_{};
  std::vector<Sample> samples_;
  TimePoint now_{};
  TimePoint figures_since_{};
  TimePoint wake_{};
  uint64_t event_count_ = 0;
  uint64_t grants_ = 0;
  size_t mailboxes_short_ = 0;  // Of checks_wanted.
};

}  // namespace mailhaul::scheduler
