// Why a mailbox is not being worked on now.
#include <algorithm>

#include "scheduler/backoff.h"
#include "scheduler/impl.h"

namespace mailhaul::scheduler {

namespace {

std::string Plural(uint64_t count, std::string_view thing) {
  return std::to_string(count) + " " + std::string(thing) + (count == 1 ? "" : "s");
}

std::string Seconds(TimePoint until, TimePoint now) {
  const Duration left = until - now;
  return std::to_string((left + std::chrono::seconds(1) - Duration(1)) / std::chrono::seconds(1)) +
         " s";
}

std::string Sentence(const Explanation& why, TimePoint now) {
  const bool timed = why.until != TimePoint::max() && why.until > now;
  const std::string wait = timed ? ", for " + Seconds(why.until, now) + " more" : "";
  switch (why.cause) {
    case WaitCause::kNone:
      return "It goes next.";
    case WaitCause::kRunning:
      return "It is being worked on.";
    case WaitCause::kNothingQueued:
      return "Nothing is left to do.";
    case WaitCause::kNotDue:
      return "It is not due yet" + wait + ".";
    case WaitCause::kBackoff:
      return "It failed " + Plural(why.limit, "time") + " in a row and is left alone" + wait + ".";
    case WaitCause::kCredentials:
      return "The server refuses its credentials; correct them. It is tried again" +
             (timed ? " in " + Seconds(why.until, now) : std::string(" soon")) + ".";
    case WaitCause::kDayLimit:
      return "The bytes of this day that it may fetch are used up" + wait + ".";
    case WaitCause::kEgressBlocked:
      return "Its egress address is blocked or removed, and no other is left" + wait + ".";
    case WaitCause::kThrottled:
      return "The server asked us to slow down" + wait + ".";
    case WaitCause::kHostCircuit:
      return "The host is out of reach; one connection at a time tries it" + wait + ".";
    case WaitCause::kLoginRate:
      return "The host allows " + Plural(why.limit, "login") + " a second" + wait + ".";
    case WaitCause::kPoolFull:
      return "All " + Plural(why.limit, "connection") + " to the host are in use; " +
             Plural(why.ahead, "job") + " may go before it.";
    case WaitCause::kEgressFull:
      return "All " + Plural(why.limit, "connection") + " of its egress address are in use; " +
             Plural(why.ahead, "job") + " may go before it.";
    case WaitCause::kBehindOthers:
      return Plural(why.ahead, "job") + " of its host may go before it.";
  }
  return "";
}

}  // namespace

std::string_view ToString(WaitCause cause) {
  constexpr std::array<std::string_view, kWaitCauseCount> kNames = {
      "none",        "running",   "nothing_queued", "not_due",      "backoff",
      "credentials", "day_limit", "egress_blocked", "throttled",    "host_circuit",
      "login_rate",  "pool_full", "egress_full",    "behind_others"};
  return kNames[static_cast<size_t>(cause)];
}

// Jobs that may go before the most urgent one of this kind: all due ones of its kind and of more
// urgent ones, but itself.
uint32_t Scheduler::Impl::Ahead(const PoolState& pool, JobKind kind) const {
  uint32_t ahead = 0;
  for (size_t i = 0; i <= scheduler::Index(kind); ++i) {
    ahead += pool.queues[i] == kAbsent ? 0 : queues[pool.queues[i]].size();
  }
  return ahead - std::min(ahead, uint32_t{1});
}

Scheduler::Impl::Gate Scheduler::Impl::ExplainPool(const PoolState& pool, JobKind kind) const {
  const Gate gate = GateOf(pool);
  if (gate.cause != WaitCause::kNone) {
    return gate;
  }
  const EgressState& egress = egresses[pool.egress];
  const TimePoint budget_at = BudgetOpenAt(pool, kind);
  if (budget_at > now) {
    return {WaitCause::kDayLimit, budget_at};
  }
  if (egress.connections >= egress.connections_max) {
    return {WaitCause::kEgressFull, TimePoint::max()};
  }
  if (!OpenKinds(pool)[scheduler::Index(kind)]) {
    return {WaitCause::kPoolFull, TimePoint::max()};
  }
  const bool others = Ahead(pool, kind) > 0;
  return {others ? WaitCause::kBehindOthers : WaitCause::kNone, TimePoint::max()};
}

Explanation Scheduler::Impl::Explain(Index index) {
  const Mailbox& mailbox = mailboxes[index];
  const PoolState& pool = pools[mailbox.pool];
  const auto queued_kind = std::find_if(kKinds.begin(), kKinds.end(), [&](JobKind kind) {
    return mailbox.state(kind) == JobState::kReady;
  });
  const auto timed_kind = std::min_element(kKinds.begin(), kKinds.end(), [&](JobKind a, JobKind b) {
    const auto due = [&](JobKind kind) {
      return mailbox.state(kind) == JobState::kTimed ? DueOf(index, kind) : TimePoint::max();
    };
    return due(a) < due(b);
  });
  Explanation why;
  if (mailbox.out) {
    why.cause = WaitCause::kRunning;
  } else if (queued_kind != kKinds.end()) {
    why.kind = *queued_kind;
    const Gate gate = ExplainPool(pool, why.kind);
    why.cause = gate.cause;
    why.until = gate.until;
    why.ahead = Ahead(pool, why.kind);
    why.limit = why.cause == WaitCause::kLoginRate    ? hosts[pool.host].limits.logins_per_second
                : why.cause == WaitCause::kEgressFull ? egresses[pool.egress].connections_max
                                                      : ConnectionsMax(pool);
  } else if (mailbox.state(*timed_kind) == JobState::kTimed) {
    why.kind = *timed_kind;
    why.until = DueOf(index, why.kind);
    why.limit = mailbox.failures;
    const auto refused = refused_logins.find(index);
    const bool wrong = refused != refused_logins.end() && refused->second.confirmed;
    if (mailbox.backoff_until > std::max(now, mailbox.job(why.kind).not_before)) {
      why.cause = wrong ? WaitCause::kCredentials : WaitCause::kBackoff;
    } else {
      why.cause =
          mailbox.job(why.kind).not_before > now ? WaitCause::kNotDue : WaitCause::kDayLimit;
    }
  }
  why.text = Sentence(why, now) + ExplainBlock(index);
  return why;
}

}  // namespace mailhaul::scheduler
