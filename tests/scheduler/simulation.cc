#include "tests/scheduler/simulation.h"

#include <algorithm>

#include "scheduler/backoff.h"

namespace mailhaul::scheduler {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr TimePoint kFaultsEnd = TimePoint{} + seconds(150);
constexpr TimePoint kRefusalsEnd = kFaultsEnd + std::chrono::minutes(10);
constexpr TimePoint kGiveUp = TimePoint{} + std::chrono::hours(24 * 5);
constexpr TimePoint kMidnight = TimePoint{} + seconds(80);
constexpr Duration kDay = std::chrono::hours(24);
constexpr uint32_t kFirstDay = 20'000;
constexpr milliseconds kCheckMax{2000};
constexpr std::array<JobKind, 3> kAllKinds = {JobKind::kNew, JobKind::kWindow, JobKind::kBackfill};

size_t Slot(JobKind kind) { return static_cast<size_t>(kind); }

Options RandomOptions(SeededRandom& random) {
  Options options;
  options.backfill_share_inverse = 3 + static_cast<uint32_t>(random.Below(18));
  options.backoff_max = seconds(60);
  options.login_retry = seconds(60);
  options.credentials_retry = std::chrono::minutes(10);
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
    SimEgress egress;
    egress.limit = calm_ ? 1000 : 1 + static_cast<uint32_t>(random_.Below(8));
    scheduler_.AddEgress("192.0.2." + std::to_string(i), egress.limit);
    egresses_.push_back(egress);
  }
  scheduler_.SetDay(now_, kFirstDay, kDay - (kMidnight - now_));
  const auto hosts = 1 + static_cast<uint32_t>(random_.Below(4));
  for (uint32_t i = 0; i < hosts; ++i) {
    SimHost host;
    host.limits.connections = 1 + static_cast<uint32_t>(random_.Below(5));
    host.limits.logins_per_second = calm_ ? 10'000 : 1 + static_cast<uint32_t>(random_.Below(5));
    if (!calm_ && random_.Chance(1, 3)) {
      host.limits.bytes_per_day = 100 + random_.Below(900);
    }
    if (!calm_ && egresses > 1 && random_.Chance(1, 2)) {
      host.refuses = static_cast<EgressId>(random_.Below(egresses));
    }
    scheduler_.AddHost("host" + std::to_string(i), host.limits);
    hosts_.push_back(host);
  }
  BuildMailboxes(2 + static_cast<uint32_t>(random_.Below(24)),
                 1 + static_cast<uint32_t>(random_.Below(4)));
}

void Simulation::BuildMailboxes(uint32_t count, uint32_t tenants) {
  for (uint32_t tenant = 0; tenant < tenants; ++tenant) {
    scheduler_.SetTenantWeight(TenantId{tenant}, 1 + static_cast<uint32_t>(random_.Below(9)));
  }
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
  const bool refresh = kind == JobKind::kNew && random_.Chance(1, 10);
  if (!scheduler_.Submit(Job{MailboxId{box + 1}, kind, not_before, deadline, refresh}).ok()) {
    Violate("a job was refused");
  }
}

// What is left of a job that ended: the caller's part of the contract.
void Simulation::SubmitFollowUp(const Grant& grant, const Status& outcome) {
  const auto box = static_cast<uint32_t>(grant.job.mailbox.value - 1);
  SimMailbox& mailbox = mailboxes_[box];
  if (!outcome.ok()) {
    Submit(box, grant.job.kind, now_, grant.job.deadline);
  } else if (grant.job.kind == JobKind::kNew && mailbox.slices_left[0] > 0) {
    --mailbox.slices_left[0];
    const seconds freshness(10 + random_.Below(60));
    scheduler_.NotePromised(grant, TimePoint::max());
    Submit(box, JobKind::kNew, now_, now_ + freshness);
  } else if (grant.job.kind == JobKind::kNew) {
    // Much comes now and then: more than one slice takes.
    mailbox.slices_left[0] = random_.Chance(1, 20) ? static_cast<int>(random_.Below(6)) : 0;
    mailbox.checked_after_faults |= now_ > kFaultsEnd;
    // Long waits for a day's bytes are not filled with checks.
    const bool quiet = now_ > kFaultsEnd + std::chrono::minutes(10);
    const seconds freshness(quiet ? 1800 : 10 + random_.Below(60));
    Submit(box, JobKind::kNew, now_ + freshness / 2, now_ + freshness);
  } else if (--mailbox.slices_left[Slot(grant.job.kind)] > 0) {
    Submit(box, grant.job.kind, now_, TimePoint::max());
  }
}

void Simulation::Run() {
  next_toggle_ = now_;
  while (violation_.empty() && !Done()) {
    ToggleWorld();
    HearOfBlocks();
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
  HearOfBlocks();
  CheckTurn(grant, login);
  CheckGrant(grant);
  SimMailbox& mailbox = mailboxes_[grant.job.mailbox.value - 1];
  mailbox.out = true;
  CheckPlace(grant);
  mailbox.placed = true;
  mailbox.pool_known = true;
  mailbox.placed_at = now_;
  mailbox.egress = grant.egress;
  mailbox.jobs[Slot(grant.job.kind)].queued = false;
  SimPool& pool = pools_[{grant.host, grant.egress}];
  ++pool.connections;
  ++egresses_[grant.egress].connections;
  if (login) {
    CheckLogin(grant);
  }
  if (pool.connections > hosts_[grant.host].limits.connections) {
    Violate("a pool has too many connections");
  }
  if (egresses_[grant.egress].connections > egresses_[grant.egress].limit) {
    Violate("an egress address has too many connections");
  }
  const Duration longest = std::min<Duration>(grant.slice, kCheckMax * 4);
  const bool check = grant.job.kind == JobKind::kNew;
  const Duration limit = check ? Duration(kCheckMax) : longest;
  Duration takes(1 + static_cast<int64_t>(random_.Below(static_cast<uint64_t>(limit.count()))));
  if (check && mailbox.slices_left[0] > 0) {
    takes = grant.slice;  // The rest is another job.
    pool.last_new = now_ + takes - kCheckMax;
  }
  sessions_.push_back(Session{grant, now_ + takes});
  CheckShare(sessions_.back(), login);
  Draw(sessions_.back());
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
  if (outcome.ok() && grant.job.kind == JobKind::kNew && random_.Chance(1, 2)) {
    scheduler_.NoteNewMail(grant, now_, static_cast<uint32_t>(random_.Below(5)));
  }
  GiveBack(session);
  SubmitFollowUp(grant, outcome);
  std::optional<Grant> next;
  if (outcome.ok() && random_.Chance(2, 3)) {
    next = scheduler_.Continue(grant, now_);
  } else {
    scheduler_.Finish(grant, now_, outcome);
  }
  mailbox.out = false;
  mailbox.free_since = std::max(now_, scheduler_.BackoffUntil(grant.job.mailbox));
  HearOfBlocks();
  --pools_[{grant.host, grant.egress}].connections;
  --egresses_[grant.egress].connections;
  if (next.has_value()) {
    CheckContinue(*next);
    StartSession(*next, false);
  }
}

Status Simulation::OutcomeFor(const Grant& grant) {
  if (hosts_[grant.host].refuses == grant.egress && now_ < kRefusalsEnd) {
    return {random_.Chance(1, 2) ? Code::kUnreachable : Code::kThrottled, "refused"};
  }
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

void Simulation::ToggleWorld() {
  for (SimEgress& egress : egresses_) {
    if (egress.blocked_until != TimePoint{} && egress.blocked_until <= now_) {
      egress.blocked_until = TimePoint{};
      address_came_ = now_;
      OnEgressChange();
    }
  }
  if (now_ < next_toggle_) {
    return;
  }
  for (SimHost& host : hosts_) {
    constexpr std::array kStates = {HostState::kUp, HostState::kUp, HostState::kUp,
                                    HostState::kDead, HostState::kThrottling};
    host.state = kStates[random_.Below(kStates.size())];
  }
  next_toggle_ = now_ + seconds(10 + random_.Below(40));
  if (now_ > kFaultsEnd) {
    RestoreEgress();
    next_toggle_ = TimePoint::max();
  } else if (!calm_) {
    ToggleEgress();
    ClearSomeBackoff();
  }
}

void Simulation::ToggleEgress() {
  const auto id = static_cast<EgressId>(random_.Below(egresses_.size()));
  SimEgress& egress = egresses_[id];
  if (random_.Chance(1, 3)) {
    RestoreEgress();
  } else if (random_.Chance(1, 3)) {
    scheduler_.RemoveEgress(id);
    egress.removed = true;
  } else if (random_.Chance(1, 2)) {
    const TimePoint until = now_ + seconds(1 + random_.Below(30));
    scheduler_.BlockEgress(id, until, now_);
    egress.blocked_until = std::max(egress.blocked_until, until);
  }
  OnEgressChange();
}

void Simulation::RestoreEgress() {
  for (size_t i = 0; i < egresses_.size(); ++i) {
    if (egresses_[i].removed) {
      scheduler_.AddEgress("192.0.2." + std::to_string(i), egresses_[i].limit);
      egresses_[i].removed = false;
      address_came_ = now_;
      OnEgressChange();
    }
  }
}

void Simulation::OnEgressChange() {
  for (SimMailbox& mailbox : mailboxes_) {
    mailbox.pool_known = false;
  }
}

// Mailboxes of the host move, one at a time also while it lasts, and do not wait out a back-off.
void Simulation::HearOfBlocks() {
  while (const std::optional<AddressChange> change = scheduler_.NextAddressChange()) {
    uint32_t& blocked = hosts_[change->host].blocked;
    blocked = change->blocked ? blocked + 1 : blocked - 1;
    blocks_ += change->blocked ? 1 : 0;
    address_came_ = now_;
    for (SimMailbox& mailbox : mailboxes_) {
      if (mailbox.host == change->host) {
        mailbox.pool_known = false;
        mailbox.free_since = std::min(mailbox.free_since, now_);
      }
    }
  }
}

void Simulation::ClearSomeBackoff() {
  const uint64_t box = random_.Below(mailboxes_.size());
  scheduler_.ClearBackoff(MailboxId{box + 1}, now_);
  mailboxes_[box].free_since = std::min(mailboxes_[box].free_since, now_);
}

// What a session is about to fetch, all at once.
void Simulation::Draw(Session& session) {
  const Grant& grant = session.grant;
  const uint64_t limit = hosts_[grant.host].limits.bytes_per_day;
  if (limit == 0 || now_ > kFaultsEnd + std::chrono::minutes(10)) {
    return;
  }
  const bool bulk = grant.job.kind != JobKind::kNew;
  const uint64_t drawn = scheduler_.DrawBytes(grant, now_, random_.Below(bulk ? 40 : 4));
  session.drawn_day = Today();
  session.drawn = drawn;
  SimPool& pool = pools_[{grant.host, grant.egress}];
  pool.drawn[Today()] += drawn;
  pool.drawn_bulk[Today()] += bulk ? drawn : 0;
  if (pool.drawn[Today()] > limit) {
    Violate("a pool drew more bytes than the day has");
  }
  const double part = static_cast<double>((now_ - kMidnight + kDay).count() % kDay.count()) /
                      static_cast<double>(kDay.count());
  const double share = std::min(0.8, 0.8 * part + 0.05) * static_cast<double>(limit);
  if (bulk && static_cast<double>(pool.drawn_bulk[Today()]) > share + 1) {
    Violate("window and backfill drew more than their share of the day so far");
  }
}

// What it did not need; of what it drew before midnight the new day gets nothing.
void Simulation::GiveBack(const Session& session) {
  if (session.drawn == 0) {
    return;
  }
  const uint64_t unused = random_.Below(session.drawn * 2);
  scheduler_.ReturnBytes(session.grant, now_, unused);
  SimPool& pool = pools_[{session.grant.host, session.grant.egress}];
  const uint64_t returned = std::min(unused, session.drawn);
  pool.drawn[session.drawn_day] -= returned;
  pool.drawn_bulk[session.drawn_day] -= session.grant.job.kind != JobKind::kNew ? returned : 0;
}

uint32_t Simulation::Today() const {
  return now_ < kMidnight ? kFirstDay
                          : kFirstDay + 1 + static_cast<uint32_t>((now_ - kMidnight) / kDay);
}

bool Simulation::Usable(EgressId egress) const {
  return !egresses_[egress].removed && egresses_[egress].blocked_until <= now_;
}

TimePoint Simulation::NextEvent() {
  const TimePoint wake = scheduler_.NextWake(now_);
  if (wake <= now_) {
    Violate("NextWake() is not later than a Take() that gave nothing");
  }
  TimePoint next = std::min(wake, next_toggle_);
  for (const SimEgress& egress : egresses_) {
    next = egress.blocked_until > now_ ? std::min(next, egress.blocked_until) : next;
  }
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

// Mailboxes whose egress address is not known for certain are left out.
bool Simulation::SomeoneWaits(const PoolKey& pool, JobKind kind) const {
  return std::any_of(mailboxes_.begin(), mailboxes_.end(), [&](const SimMailbox& mailbox) {
    return mailbox.pool_known && hosts_[mailbox.host].blocked == 0 &&
           PoolKey(mailbox.host, mailbox.egress) == pool && Due(mailbox, Slot(kind));
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
}

// A mailbox moves only when its address went or another came, and never to one that is gone.
void Simulation::CheckPlace(const Grant& grant) {
  const SimMailbox& mailbox = mailboxes_[grant.job.mailbox.value - 1];
  if (!Usable(grant.egress)) {
    Violate("a grant was made on a blocked or removed egress address");
  }
  if (mailbox.placed && mailbox.egress != grant.egress && Usable(mailbox.egress) &&
      hosts_[grant.host].blocked == 0 && address_came_ < mailbox.placed_at) {
    Violate("a mailbox moved to another egress address without need");
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

// New mail first, but not always: never two others in succession before it.
void Simulation::CheckTurn(const Grant& grant, bool login) {
  const PoolKey key(grant.host, grant.egress);
  SimPool& pool = pools_[key];
  if (grant.job.kind == JobKind::kNew) {
    CheckNewMailWait(grant, pool);
    pool.last_new = std::max(pool.last_new, now_);
  }
  if (hosts_[grant.host].limits.bytes_per_day != 0) {
    return;  // A kind may have to wait for the day.
  }
  const bool passes_over_new =
      login && grant.job.kind != JobKind::kNew && SomeoneWaits(key, JobKind::kNew);
  if (passes_over_new && pool.last_passed_over_new) {
    Violate("a check for new mail was passed over twice in succession");
  }
  pool.last_passed_over_new = passes_over_new;
}

// Backfill gets its part of the time: twice as long may pass where a slice takes longer than was
// expected, or the window's turn comes first.
void Simulation::CheckShare(const Session& session, bool login) {
  const Grant& grant = session.grant;
  const PoolKey key(grant.host, grant.egress);
  SimPool& pool = pools_[key];
  if (hosts_[grant.host].limits.bytes_per_day != 0) {
    return;  // A kind may have to wait for the day.
  }
  if (grant.job.kind == JobKind::kBackfill || !SomeoneWaits(key, JobKind::kBackfill)) {
    pool.past_backfill = Duration::zero();
    return;
  }
  const Duration turn = (options_.backfill_share_inverse - 1) * options_.backfill_slice;
  if (login && pool.past_backfill > 2 * turn + 4 * options_.backfill_slice) {
    Violate("backfill does not get its share");
  }
  pool.past_backfill += login ? session.ends - now_ : Duration::zero();
}

void Simulation::CheckContinue(const Grant& grant) {
  const PoolKey key(grant.host, grant.egress);
  // The connection just given back is the one that goes on.
  const bool full = pools_[key].connections + 1 >= hosts_[grant.host].limits.connections;
  const bool day_limit = hosts_[grant.host].limits.bytes_per_day != 0;
  if (full && !day_limit && grant.job.kind != JobKind::kNew && SomeoneWaits(key, JobKind::kNew)) {
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
    // While checks are expected, one slice is enough.
    const bool slices_only = !SomeoneWaits(key, JobKind::kNew) && SliceIsOut(key);
    if ((waits || stats.waiting > 0) && !slices_only && !HasReasonToWait(stats)) {
      Violate("a due job waits without a reason");
    }
  }
}

bool Simulation::SliceIsOut(const PoolKey& pool) const {
  return std::any_of(sessions_.begin(), sessions_.end(), [&pool](const Session& session) {
    return session.grant.job.kind != JobKind::kNew &&
           PoolKey(session.grant.host, session.grant.egress) == pool;
  });
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
         egresses_[stats.egress].connections >= egresses_[stats.egress].limit ||
         !Usable(stats.egress) || DayIsUsedUp(stats);
}

// Used up, or so nearly that no grant is worth while.
bool Simulation::DayIsUsedUp(const PoolStats& stats) const {
  const uint64_t limit = hosts_[stats.host].limits.bytes_per_day;
  if (limit == 0 || stats.cause != WaitCause::kDayLimit) {
    return false;
  }
  const SimPool& pool = pools_.at({stats.host, stats.egress});
  const auto of_today = [this](const std::map<uint32_t, uint64_t>& by_day) {
    const auto it = by_day.find(Today());
    return it == by_day.end() ? 0.0 : static_cast<double>(it->second);
  };
  const double part = static_cast<double>((now_ - kMidnight + kDay).count() % kDay.count()) /
                      static_cast<double>(kDay.count());
  const double share = std::min(0.8, 0.8 * part + 0.05) * static_cast<double>(limit);
  const double slack = std::max(1.0, static_cast<double>(limit) / 200) + 2;
  return of_today(pool.drawn) + slack > static_cast<double>(limit) ||
         of_today(pool.drawn_bulk) + slack > share;
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
