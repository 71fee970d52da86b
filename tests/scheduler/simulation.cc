#include "tests/scheduler/simulation.h"

#include <algorithm>

#include "scheduler/backoff.h"

namespace mailhaul::scheduler {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr TimePoint kFaultsEnd = TimePoint{} + seconds(150);
constexpr TimePoint kGiveUp = TimePoint{} + std::chrono::hours(6);
constexpr milliseconds kCheckMax{2000};
constexpr std::array<JobKind, 3> kAllKinds = {JobKind::kNew, JobKind::kWindow, JobKind::kBackfill};

size_t Slot(JobKind kind) { return static_cast<size_t>(kind); }

Options RandomOptions(SeededRandom& random) {
  Options options;
  options.backfill_share_inverse = 3 + static_cast<uint32_t>(random.Below(18));
  options.backoff_max = seconds(60);
  return options;
}

}  // namespace

Simulation::Simulation(uint64_t seed)
    : random_(seed), options_(RandomOptions(random_)), scheduler_(options_) {
  Build();
}

void Simulation::Build() {
  calm_ = random_.Chance(1, 3);
  const auto egresses = 1 + static_cast<uint32_t>(random_.Below(3));
  for (uint32_t i = 0; i < egresses; ++i) {
    const uint32_t limit = calm_ ? 1000 : 1 + static_cast<uint32_t>(random_.Below(8));
    scheduler_.AddEgress("192.0.2." + std::to_string(i), limit);
    egress_limits_.push_back(limit);
  }
  egress_connections_.resize(egresses);
  const auto hosts = 1 + static_cast<uint32_t>(random_.Below(4));
  for (uint32_t i = 0; i < hosts; ++i) {
    SimHost host;
    host.limits.connections = 1 + static_cast<uint32_t>(random_.Below(5));
    host.limits.logins_per_second = calm_ ? 10'000 : 1 + static_cast<uint32_t>(random_.Below(5));
    scheduler_.AddHost("host" + std::to_string(i), host.limits);
    hosts_.push_back(host);
  }
  BuildMailboxes(2 + static_cast<uint32_t>(random_.Below(24)),
                 1 + static_cast<uint32_t>(random_.Below(4)));
}

void Simulation::BuildMailboxes(uint32_t count, uint32_t tenants) {
  for (uint32_t box = 0; box < count; ++box) {
    SimMailbox mailbox;
    mailbox.host = static_cast<HostId>(random_.Below(hosts_.size()));
    const TenantId tenant{static_cast<uint32_t>(random_.Below(tenants))};
    mailbox.slices_left = {0, static_cast<int>(random_.Below(3)),
                           static_cast<int>(random_.Below(5))};
    mailboxes_.push_back(mailbox);
    if (!scheduler_.AddMailbox(MailboxId{box + 1}, tenant, mailbox.host).ok()) {
      Violate("a mailbox was refused");
    }
    Submit(box, JobKind::kNew, now_, now_ + seconds(random_.Below(60)));
    for (const JobKind kind : {JobKind::kWindow, JobKind::kBackfill}) {
      if (mailbox.slices_left[Slot(kind)] > 0) {
        Submit(box, kind, now_ + seconds(random_.Below(20)), TimePoint::max());
      }
    }
  }
}

void Simulation::Submit(uint32_t box, JobKind kind, TimePoint not_before, TimePoint deadline) {
  SimJob& job = mailboxes_[box].jobs[Slot(kind)];
  job.not_before = job.queued ? std::min(job.not_before, not_before) : not_before;
  job.deadline = job.queued ? std::min(job.deadline, deadline) : deadline;
  job.queued = true;
  if (!scheduler_.Submit(Job{MailboxId{box + 1}, kind, not_before, deadline}).ok()) {
    Violate("a job was refused");
  }
}

// What is left of a job that ended: the caller's part of the contract.
void Simulation::SubmitFollowUp(const Grant& grant, const Status& outcome) {
  const auto box = static_cast<uint32_t>(grant.job.mailbox.value - 1);
  SimMailbox& mailbox = mailboxes_[box];
  if (!outcome.ok()) {
    Submit(box, grant.job.kind, now_, grant.job.deadline);
  } else if (grant.job.kind == JobKind::kNew) {
    mailbox.checked_after_faults |= now_ > kFaultsEnd;
    const seconds freshness(10 + random_.Below(60));
    Submit(box, JobKind::kNew, now_ + freshness / 2, now_ + freshness);
  } else if (--mailbox.slices_left[Slot(grant.job.kind)] > 0) {
    Submit(box, grant.job.kind, now_, TimePoint::max());
  }
}

void Simulation::Run() {
  next_toggle_ = now_;
  while (violation_.empty() && !Done()) {
    ToggleHosts();
    EndDueSessions();
    TakeAll();
    CheckNothingMayStart();
    const TimePoint next = NextEvent();
    if (next > kGiveUp) {
      Violate("work is left, but not done in hours without faults");
      return;
    }
    CheckNoWakeIsMissed(next);
    now_ = next;
  }
}

void Simulation::TakeAll() {
  while (std::optional<Grant> grant = scheduler_.Take(now_)) {
    StartSession(*grant, true);
    if (!violation_.empty()) {
      return;
    }
  }
}

void Simulation::StartSession(const Grant& grant, bool login) {
  CheckTurn(grant, login);
  CheckGrant(grant);
  SimMailbox& mailbox = mailboxes_[grant.job.mailbox.value - 1];
  mailbox.out = true;
  mailbox.placed = true;
  mailbox.egress = grant.egress;
  mailbox.jobs[Slot(grant.job.kind)].queued = false;
  SimPool& pool = pools_[{grant.host, grant.egress}];
  ++pool.connections;
  ++egress_connections_[grant.egress];
  if (login) {
    CheckLogin(grant);
  }
  if (pool.connections > hosts_[grant.host].limits.connections) {
    Violate("a pool has too many connections");
  }
  if (egress_connections_[grant.egress] > egress_limits_[grant.egress]) {
    Violate("an egress address has too many connections");
  }
  const Duration longest = std::min<Duration>(grant.slice, kCheckMax * 4);
  const Duration limit = grant.job.kind == JobKind::kNew ? Duration(kCheckMax) : longest;
  const Duration takes(1 +
                       static_cast<int64_t>(random_.Below(static_cast<uint64_t>(limit.count()))));
  sessions_.push_back(Session{grant, now_ + takes});
  ++grants_;
  Trace(static_cast<uint64_t>(now_.time_since_epoch().count()));
  Trace(grant.job.mailbox.value * 8 + Slot(grant.job.kind) * 2 + (login ? 1 : 0));
}

void Simulation::EndDueSessions() {
  for (;;) {
    const auto due = std::find_if(sessions_.begin(), sessions_.end(),
                                  [this](const Session& session) { return session.ends <= now_; });
    if (due == sessions_.end() || !violation_.empty()) {
      return;
    }
    const Session session = *due;
    sessions_.erase(due);
    EndSession(session);
  }
}

void Simulation::EndSession(const Session& session) {
  const Grant& grant = session.grant;
  SimMailbox& mailbox = mailboxes_[grant.job.mailbox.value - 1];
  const Status outcome = OutcomeFor(grant);
  SubmitFollowUp(grant, outcome);
  std::optional<Grant> next;
  if (outcome.ok() && random_.Chance(2, 3)) {
    next = scheduler_.Continue(grant, now_);
  } else {
    scheduler_.Finish(grant, now_, outcome);
  }
  mailbox.out = false;
  mailbox.free_since = std::max(now_, scheduler_.BackoffUntil(grant.job.mailbox));
  --pools_[{grant.host, grant.egress}].connections;
  --egress_connections_[grant.egress];
  if (next.has_value()) {
    CheckContinue(*next);
    StartSession(*next, false);
  }
}

Status Simulation::OutcomeFor(const Grant& grant) {
  if (calm_ || now_ > kFaultsEnd) {
    return Status::Ok();
  }
  const HostState state = hosts_[grant.host].state;
  if (state == HostState::kDead) {
    return {random_.Chance(1, 2) ? Code::kUnreachable : Code::kTimeout, "dead"};
  }
  if (state == HostState::kThrottling && random_.Chance(1, 2)) {
    const Status throttled(Code::kThrottled, "slow down");
    return random_.Chance(1, 2) ? throttled : throttled.WithRetryAfter(seconds(random_.Below(20)));
  }
  constexpr std::array kMishaps = {Code::kAuthFailed, Code::kCancelled, Code::kProtocol,
                                   Code::kTlsFailed,  Code::kDiskFull,  Code::kServerRefused};
  return random_.Chance(1, 20) ? Status(kMishaps[random_.Below(kMishaps.size())], "mishap")
                               : Status::Ok();
}

void Simulation::ToggleHosts() {
  if (now_ < next_toggle_) {
    return;
  }
  for (SimHost& host : hosts_) {
    constexpr std::array kStates = {HostState::kUp, HostState::kUp, HostState::kUp,
                                    HostState::kDead, HostState::kThrottling};
    host.state = kStates[random_.Below(kStates.size())];
  }
  next_toggle_ = now_ + seconds(10 + random_.Below(40));
}

TimePoint Simulation::NextEvent() {
  const TimePoint wake = scheduler_.NextWake(now_);
  if (wake <= now_) {
    Violate("NextWake() is not later than a Take() that gave nothing");
  }
  TimePoint next = std::min(wake, now_ > kFaultsEnd ? TimePoint::max() : next_toggle_);
  for (const Session& session : sessions_) {
    next = std::min(next, session.ends);
  }
  return next;
}

bool Simulation::Done() const {
  return now_ > kFaultsEnd &&
         std::all_of(mailboxes_.begin(), mailboxes_.end(), [](const SimMailbox& mailbox) {
           return mailbox.checked_after_faults && mailbox.slices_left[1] <= 0 &&
                  mailbox.slices_left[2] <= 0;
         });
}

bool Simulation::Due(const SimMailbox& mailbox, size_t kind) const {
  const SimJob& job = mailbox.jobs[kind];
  return job.queued && !mailbox.out && job.not_before <= now_ && mailbox.free_since <= now_;
}

// Mailboxes that were never granted have no known egress address, so they are left out.
bool Simulation::SomeoneWaits(const PoolKey& pool, JobKind kind) const {
  return std::any_of(mailboxes_.begin(), mailboxes_.end(), [&](const SimMailbox& mailbox) {
    return mailbox.placed && PoolKey(mailbox.host, mailbox.egress) == pool &&
           Due(mailbox, Slot(kind));
  });
}

void Simulation::CheckGrant(const Grant& grant) {
  const SimMailbox& mailbox = mailboxes_[grant.job.mailbox.value - 1];
  const SimJob& job = mailbox.jobs[Slot(grant.job.kind)];
  if (mailbox.out) {
    Violate("a mailbox is out twice");
  }
  if (!job.queued || job.not_before > now_ || job.deadline != grant.job.deadline) {
    Violate("a job was granted that is not due");
  }
  if (mailbox.free_since > now_) {
    Violate("a mailbox was granted during its back-off");
  }
  if (mailbox.placed && mailbox.egress != grant.egress) {
    Violate("a mailbox moved to another egress address");
  }
}

void Simulation::CheckLogin(const Grant& grant) {
  SimPool& pool = pools_[{grant.host, grant.egress}];
  while (!pool.logins.empty() && pool.logins.front() + seconds(1) <= now_) {
    pool.logins.pop_front();
  }
  pool.logins.push_back(now_);
  if (pool.logins.size() > hosts_[grant.host].limits.logins_per_second) {
    Violate("a pool has too many logins in one second");
  }
}

// New mail first, but not always: never two others in succession before it, and never too many
// grants past backfill.
void Simulation::CheckTurn(const Grant& grant, bool login) {
  const PoolKey key(grant.host, grant.egress);
  SimPool& pool = pools_[key];
  if (grant.job.kind == JobKind::kNew) {
    CheckNewMailWait(grant, pool);
    pool.last_new = now_;
  }
  const bool passes_over_new =
      login && grant.job.kind != JobKind::kNew && SomeoneWaits(key, JobKind::kNew);
  if (passes_over_new && pool.last_passed_over_new) {
    Violate("a check for new mail was passed over twice in succession");
  }
  pool.last_passed_over_new = passes_over_new;
  if (grant.job.kind == JobKind::kBackfill || !SomeoneWaits(key, JobKind::kBackfill)) {
    pool.grants_past_backfill = 0;
  } else if (login && ++pool.grants_past_backfill > 2 * options_.backfill_share_inverse + 2) {
    Violate("backfill does not get its share");
  }
}

void Simulation::CheckContinue(const Grant& grant) {
  const PoolKey key(grant.host, grant.egress);
  // The connection just given back is the one that goes on.
  const bool full = pools_[key].connections + 1 >= hosts_[grant.host].limits.connections;
  if (full && grant.job.kind != JobKind::kNew && SomeoneWaits(key, JobKind::kNew)) {
    Violate("a connection was kept although new mail waits and none is free");
  }
}

void Simulation::CheckNewMailWait(const Grant& grant, SimPool& pool) {
  if (!calm_) {
    return;
  }
  const SimMailbox& mailbox = mailboxes_[grant.job.mailbox.value - 1];
  const TimePoint due = std::max(mailbox.free_since, mailbox.jobs[0].not_before);
  if (now_ - std::max(due, pool.last_new) > options_.backfill_slice + kCheckMax) {
    Violate("a check for new mail waited longer than one slice");
  }
}

// After Take() gave nothing, every due job must have a reason to wait.
void Simulation::CheckNothingMayStart() {
  for (size_t i = 0; i < scheduler_.pool_count(); ++i) {
    const PoolStats stats = scheduler_.Pool(i, now_);
    const PoolKey key(stats.host, stats.egress);
    if (stats.connections != pools_[key].connections) {
      Violate("a pool miscounts its connections");
    }
    const bool waits = std::any_of(kAllKinds.begin(), kAllKinds.end(),
                                   [&](JobKind kind) { return SomeoneWaits(key, kind); });
    if ((waits || stats.waiting > 0) && !HasReasonToWait(stats)) {
      Violate("a due job waits without a reason");
    }
  }
}

bool Simulation::HasReasonToWait(const PoolStats& stats) const {
  const SimPool& pool = pools_.at({stats.host, stats.egress});
  const uint32_t logins_max = hosts_[stats.host].limits.logins_per_second;
  const auto recent = std::count_if(pool.logins.begin(), pool.logins.end(),
                                    [this](TimePoint at) { return at + seconds(1) > now_; });
  const bool probed = stats.open_circuit &&
                      std::any_of(sessions_.begin(), sessions_.end(), [&](const Session& session) {
                        return session.grant.host == stats.host;
                      });
  return probed || stats.connections >= stats.window || stats.blocked_until > now_ ||
         recent >= static_cast<std::ptrdiff_t>(logins_max) ||
         egress_connections_[stats.egress] >= egress_limits_[stats.egress];
}

// At some moment before the next event: nothing may start by time alone.
void Simulation::CheckNoWakeIsMissed(TimePoint next) {
  if (random_.Chance(1, 4)) {
    const auto gap = static_cast<uint64_t>((next - now_).count());
    now_ += Duration(static_cast<int64_t>(random_.Below(gap)));
    if (scheduler_.Take(now_).has_value()) {
      Violate("NextWake() was later than a job that could start");
    }
  }
}

void Simulation::Violate(const std::string& what) {
  if (violation_.empty()) {
    violation_ = what + " at " + std::to_string(now_.time_since_epoch().count()) + " ns";
  }
}

void Simulation::Trace(uint64_t value) { trace_ = MixHash(trace_, value); }

}  // namespace mailhaul::scheduler
