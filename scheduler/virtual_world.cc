#include "scheduler/virtual_world.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"

namespace mailhaul::scheduler {
namespace {

// As in engine/app/collector_outcomes.cc: a little early, so that the check can be complete when
// it is due.
Duration Rhythm(const WorldMailbox& mailbox) { return mailbox.freshness * 4 / 5; }

// How late a held connection may be given up; the engine does it at once.
constexpr Duration kReleaseEvery = std::chrono::milliseconds(100);

constexpr double kSecondsPerDay = 86'400;

double Seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

Duration FromSeconds(double seconds) { return Duration(static_cast<Duration::rep>(seconds * 1e9)); }

uint64_t PoolKey(const Grant& grant) {
  return (static_cast<uint64_t>(grant.egress) << 32) | grant.host;
}

}  // namespace

VirtualWorld::VirtualWorld(const World& world, WorldPolicy& policy)
    : world_(world), policy_(policy), random_(world.seed), mailboxes_(world.mailboxes.size()) {
  index_.reserve(mailboxes_.size());
  for (uint32_t i = 0; i < mailboxes_.size(); ++i) {
    const WorldMailbox& mailbox = world_.mailboxes[i];
    MH_CHECK(index_.emplace(mailbox.id, i).second);
    mailboxes_[i].backfill_left = mailbox.backfill_bytes;
    const auto rhythm = static_cast<uint64_t>(Rhythm(mailbox).count());
    const Duration age(static_cast<Duration::rep>(random_.Below(rhythm + 1)));
    mailboxes_[i].figures.last_complete = now_ - age;
    SubmitCheck(i, now_ + Rhythm(mailbox) - age);
  }
}

// See ServiceTimes.
Duration VirtualWorld::Draw(Duration mean, double spread) {
  if (spread <= 0 || mean <= Duration::zero()) {
    return mean;
  }
  constexpr double kSteps = 9007199254740992.0;  // 2^53: in (0, 1].
  const double uniform = static_cast<double>((random_.NextU64() >> 11) + 1) / kSteps;
  return FromSeconds(Seconds(mean) * (1 - spread - spread * std::log(uniform)));
}

void VirtualWorld::SubmitCheck(uint32_t mailbox, TimePoint not_before) {
  Job job;
  job.mailbox = world_.mailboxes[mailbox].id;
  job.kind = JobKind::kNew;
  job.not_before = std::max(not_before, mailboxes_[mailbox].login_not_before);
  job.deadline =
      std::max(mailboxes_[mailbox].figures.last_complete + world_.mailboxes[mailbox].freshness,
               job.not_before);
  job.freshness = world_.mailboxes[mailbox].freshness;
  policy_.Submit(job);
}

void VirtualWorld::SubmitFollowing(uint32_t mailbox) {
  Mailbox& state = mailboxes_[mailbox];
  if (state.backfill_left > 0 && !state.backfill_queued) {
    Job job;
    job.mailbox = world_.mailboxes[mailbox].id;
    job.kind = JobKind::kBackfill;
    job.not_before = now_;
    job.deadline = now_ + std::chrono::hours(24);
    state.backfill_queued = true;
    policy_.Submit(job);
  }
}

bool VirtualWorld::Run(const Bounds& bounds) {
  const TimePoint begin = now_;
  const uint64_t grants_end = grants_ + bounds.grants_max;
  for (Mailbox& mailbox : mailboxes_) {
    mailbox.checks_wanted = bounds.checks_each;
  }
  mailboxes_short_ = bounds.checks_each > 0 ? mailboxes_.size() : 0;
  Pump();
  while ((mailboxes_short_ > 0 || now_ - begin < bounds.at_least) &&
         now_ - begin < bounds.at_most && grants_ < grants_end) {
    const bool event = !events_.empty() && events_.top().at <= wake_;
    const TimePoint next = event ? events_.top().at : wake_;
    if (next == TimePoint::max()) {
      break;
    }
    now_ = std::max(now_, next);
    if (event) {
      const Event due = events_.top();
      events_.pop();
      if (sessions_[due.session].event == due.number) {
        OnEvent(due.session);
      }
    }
    Pump();
  }
  return mailboxes_short_ == 0;
}

void VirtualWorld::ForgetFigures() {
  samples_.clear();
  figures_since_ = now_;
  for (Mailbox& mailbox : mailboxes_) {
    Figures& figures = mailbox.figures;
    figures.checks = 0;
    figures.logins = 0;
    figures.busy = Duration::zero();
    figures.backfilled = 0;
  }
}

void VirtualWorld::Pump() {
  while (const std::optional<Grant> grant = policy_.Take(now_)) {
    OpenSession(*grant);
  }
  if (now_ >= release_at_ && !held_.empty()) {
    release_at_ = now_ + kReleaseEvery;
    ReleaseWanted();
  }
  wake_ = std::max(policy_.NextWake(now_), now_);
}

uint32_t VirtualWorld::NewSession() {
  if (free_sessions_.empty()) {
    sessions_.emplace_back();
    return static_cast<uint32_t>(sessions_.size() - 1);
  }
  const uint32_t session = free_sessions_.back();
  free_sessions_.pop_back();
  return session;
}

void VirtualWorld::OpenSession(const Grant& grant) {
  ++grants_;
  const uint32_t index = NewSession();
  Session& session = sessions_[index];
  session = Session{};
  session.grant = grant;
  session.mailbox = index_.at(grant.job.mailbox);
  session.busy_since = now_;
  const WorldMailbox& mailbox = world_.mailboxes[session.mailbox];
  Mailbox& state = mailboxes_[session.mailbox];
  state.figures.egress = grant.egress;
  ++state.figures.logins;
  if (mailbox.login_interval > Duration::zero()) {
    state.login_not_before = now_ + mailbox.login_interval;
  }
  const ServiceTimes& times = world_.hosts[mailbox.host].times;
  BeginStage(index, Draw(times.open, times.spread));
}

// `before`: what goes before the stage itself.
void VirtualWorld::BeginStage(uint32_t index, Duration before) {
  Session& session = sessions_[index];
  session.phase = Phase::kWorking;
  session.bytes = 0;
  const WorldMailbox& mailbox = world_.mailboxes[session.mailbox];
  Mailbox& state = mailboxes_[session.mailbox];
  const ServiceTimes& times = world_.hosts[mailbox.host].times;
  const auto speed = static_cast<double>(times.bytes_per_second);
  if (session.grant.job.kind == JobKind::kNew) {
    const double age = Seconds(now_ - state.figures.last_complete);
    const double bytes = static_cast<double>(mailbox.new_bytes_per_day) * age / kSecondsPerDay;
    Schedule(index, before + Draw(times.check, times.spread) + FromSeconds(bytes / speed));
    return;
  }
  state.backfill_queued = false;
  const double slice = std::min(Seconds(session.grant.slice) * speed,
                                static_cast<double>(session.grant.slice_bytes));
  session.bytes = std::clamp<uint64_t>(static_cast<uint64_t>(slice), 1, state.backfill_left);
  Schedule(index, before + FromSeconds(static_cast<double>(session.bytes) / speed));
}

void VirtualWorld::Schedule(uint32_t session, Duration after) {
  sessions_[session].event = ++event_count_;
  events_.push(Event{now_ + after, event_count_, session});
}

void VirtualWorld::OnEvent(uint32_t index) {
  Session& session = sessions_[index];
  switch (session.phase) {
    case Phase::kWorking:
      OnStageDone(index);
      return;
    case Phase::kHeld: {
      session.busy_since = now_;
      const std::optional<Grant> next = policy_.TryContinue(session.grant, now_);
      if (!next.has_value()) {
        Close(index);
        return;
      }
      session.grant = *next;
      BeginStage(index, Duration::zero());
      return;
    }
    case Phase::kClosing:
      mailboxes_[session.mailbox].figures.busy += now_ - session.busy_since;
      session.event = 0;
      policy_.Finish(session.grant, now_);
      free_sessions_.push_back(index);
      return;
  }
}

void VirtualWorld::OnStageDone(uint32_t index) {
  Session& session = sessions_[index];
  const uint32_t mailbox = session.mailbox;
  Mailbox& state = mailboxes_[mailbox];
  if (session.grant.job.kind == JobKind::kNew) {
    CompleteCheck(mailbox);
    SubmitCheck(mailbox, now_ + Rhythm(world_.mailboxes[mailbox]));
  } else {
    state.figures.backfilled += session.bytes;
    state.backfill_left -= session.bytes;
    if (state.backfill_left == 0) {
      state.figures.backfill_done = now_;
    }
  }
  SubmitFollowing(mailbox);
  const std::optional<Grant> next = policy_.TryContinue(session.grant, now_);
  if (next.has_value()) {
    ++grants_;
    session.grant = *next;
    BeginStage(index, Duration::zero());
  } else if (world_.mailboxes[mailbox].held && policy_.Shortage(session.grant, now_) == 0) {
    Hold(index);
  } else {
    Close(index);
  }
}

void VirtualWorld::CompleteCheck(uint32_t mailbox) {
  Mailbox& state = mailboxes_[mailbox];
  const double age = Seconds(now_ - state.figures.last_complete);
  samples_.push_back(Sample{mailbox, static_cast<float>(age)});
  state.figures.last_complete = now_;
  ++state.figures.checks;
  if (state.checks_wanted > 0 && --state.checks_wanted == 0) {
    --mailboxes_short_;
  }
}

void VirtualWorld::Hold(uint32_t index) {
  Session& session = sessions_[index];
  mailboxes_[session.mailbox].figures.busy += now_ - session.busy_since;
  session.phase = Phase::kHeld;
  Schedule(index, Rhythm(world_.mailboxes[session.mailbox]));
  held_[PoolKey(session.grant)].emplace_back(index, session.event);
}

void VirtualWorld::Close(uint32_t index) {
  Session& session = sessions_[index];
  const ServiceTimes& times = world_.hosts[world_.mailboxes[session.mailbox].host].times;
  session.phase = Phase::kClosing;
  Schedule(index, Draw(times.close, times.spread));
}

// Gives up as many held connections as due jobs of their pool wait for.
void VirtualWorld::ReleaseWanted() {
  for (auto& [pool, sessions] : held_) {
    size_t closing = 0;
    while (!sessions.empty()) {
      const auto [index, event] = sessions.front();
      Session& session = sessions_[index];
      if (session.phase != Phase::kHeld || session.event != event) {
        sessions.pop_front();
        continue;
      }
      if (policy_.Shortage(session.grant, now_) <= closing) {
        break;
      }
      sessions.pop_front();
      session.busy_since = now_;
      Close(index);
      ++closing;
    }
  }
}

}  // namespace mailhaul::scheduler
