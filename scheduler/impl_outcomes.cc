// What the outcome of a grant teaches: its tenant's account, its pool, its host and its mailbox.
#include <algorithm>

#include "base/check.h"
#include "scheduler/backoff.h"
#include "scheduler/impl.h"

namespace mailhaul::scheduler {

namespace {

constexpr uint16_t kFailuresCountMax = 60'000;

// `delay`, or up to a quarter more.
Duration Spread(Duration delay, uint64_t seed) {
  return BackoffDelay(delay, delay + delay / 4, 1, seed);
}

}  // namespace

uint64_t Scheduler::Impl::SeedOf(const PoolState& pool) { return MixHash(pool.host, pool.egress); }

CredentialVerdict Scheduler::Impl::Settle(const GrantRecord& record, const Status& outcome) {
  PoolState& pool = pools[record.pool];
  Mailbox& mailbox = mailboxes[record.mailbox];
  const bool heard_before = record.pool_epoch != pool.health.epoch();
  SettleTime(record, outcome.ok());
  HostVerdict verdict = VerdictOf(outcome.code());
  CredentialVerdict credentials = CredentialVerdict::kFine;
  if (outcome.code() == Code::kAuthFailed) {
    mailbox.auth_failed = true;
    RefusedLogins& refused = refused_logins[record.mailbox];
    credentials = JudgeRefusal(refused, hosts[pool.host].logins, now);
    if (credentials == CredentialVerdict::kThrottlingSuspected) {
      verdict = HostVerdict::kThrottled;
    }
  } else if (outcome.ok() && record.login) {
    // Sessions that go on say nothing: a host may refuse every new login and let them live.
    hosts[pool.host].logins.OnAccepted(now);
  }
  LearnHealth(record, verdict, outcome);
  LearnBlock(record, verdict);
  if (outcome.ok()) {
    ForgetFailures(record.mailbox);
  } else if (outcome.code() == Code::kThrottled && heard_before) {
    // Refused with others for what the pool has been narrowed for already: not its fault.
  } else if (outcome.code() != Code::kCancelled) {
    BackOff(record.mailbox, pool, verdict, outcome, credentials);
  }
  return credentials;
}

// Charges the tenant what the grant really took.
void Scheduler::Impl::SettleTime(const GrantRecord& record, bool succeeded) {
  const Mailbox& mailbox = mailboxes[record.mailbox];
  PoolState& pool = pools[record.pool];
  TenantState& tenant = tenants[mailbox.tenant];
  const Duration time = Since(record.since, std::min(record.worked_until, now));
  const Duration charged = Since(record.since, std::min(record.charged_until, now));
  tenant.connection_time += charged;
  if (record.charged) {
    QueueOf(pool, record.kind)->Correct(mailbox.tenant, record.cost, CostOf(mailbox, charged));
    ReturnIfIdle(pool, record.kind);
  }
  CorrectKinds(record, time);
  if (succeeded) {
    egresses[pool.egress].service_times[scheduler::Index(record.kind)].Record(time);
    pool.service_times[scheduler::Index(record.kind)].Record(time);
    if (record.kind == JobKind::kNew && record.promised != TimePoint::max()) {
      tenant.lags.Record(Since(record.promised, std::min(record.worked_until, now)));
    }
  }
}

void Scheduler::Impl::CorrectKinds(const GrantRecord& record, Duration time) {
  PoolState& pool = pools[record.pool];
  EgressState& egress = egresses[pool.egress];
  const float seconds = std::chrono::duration<float>(time).count();
  const float difference =
      std::max(seconds, record.least) - std::max(record.expected, record.least);
  if (!record.pool_charge.empty()) {
    pool.share.Correct(record.kind, record.pool_charge, difference, ExpectedTimes(pool));
  }
  if (!record.egress_charge.empty()) {
    egress.share.Correct(record.kind, record.egress_charge, seconds - record.expected,
                         ExpectedTimes(egress));
  }
}

void Scheduler::Impl::LearnHealth(const GrantRecord& record, HostVerdict verdict,
                                  const Status& outcome) {
  PoolState& pool = pools[record.pool];
  HostState& host = hosts[pool.host];
  const uint32_t epoch = pool.health.epoch();
  PoolHealth::Event event;
  event.verdict = verdict;
  event.retry_after = outcome.retry_after();
  event.epoch = record.pool_epoch;
  event.probe = record.probe;
  event.seed = SeedOf(pool);
  pool.health.OnOutcome(event, Bounds(), now);
  if (epoch != pool.health.epoch()) {
    ++(verdict == HostVerdict::kThrottled ? pool.throttles : pool.outages);
  }
  const bool was_open = host.health.open_circuit();
  if (verdict == HostVerdict::kUnreachable) {
    // One address alone may be what the host blocks; a second one tells it from an outage.
    if (pool.health.open_circuit() && OpenCircuits(host) > 1) {
      host.health.OnUnreachable(record.since, record.probe, Bounds(), MixHash(pool.host, 0), now);
    }
  } else if (verdict != HostVerdict::kNone && host.health.OnAnswer(now)) {
    OnHostAnswers(record);
  }
  if (record.probe || was_open != host.health.open_circuit()) {
    RefreshHost(pool.host);
  }
}

// The host is back: its pools need not wait out their own back-offs, and none starts at full width.
void Scheduler::Impl::OnHostAnswers(const GrantRecord& record) {
  for (const Index index : hosts[pools[record.pool].host].pools) {
    if (index == kAbsent || index == record.pool) {
      continue;
    }
    PoolState& pool = pools[index];
    if (pool.health.open_circuit()) {
      pool.health.ProbeBy(After(now, Spread(options.backoff_min, SeedOf(pool))));
    } else if (record.probe) {
      pool.health.StartSlowly();
    }
  }
}

void Scheduler::Impl::BackOff(Index index, const PoolState& pool, HostVerdict verdict,
                              const Status& outcome, CredentialVerdict credentials) {
  Mailbox& mailbox = mailboxes[index];
  const uint64_t seed = mailbox.id.value;
  const HostHealth& host = hosts[pool.host].health;
  if (pool.block.blocked() && credentials == CredentialVerdict::kFine &&
      (verdict == HostVerdict::kUnreachable || verdict == HostVerdict::kThrottled)) {
    mailbox.backoff_until = TimePoint::min();  // It goes on from another address.
    return;
  }
  if (verdict == HostVerdict::kUnreachable && (host.open_circuit() || pool.health.open_circuit())) {
    // Not its fault; but the next probe is somebody else's turn.
    const TimePoint probe = std::max({pool.health.blocked_until(), host.probe_at(), now});
    mailbox.backoff_until = After(probe, Spread(options.backoff_min, seed));
    return;
  }
  mailbox.failures = std::min<uint16_t>(mailbox.failures + 1, kFailuresCountMax);
  if (credentials != CredentialVerdict::kFine) {
    const bool wrong = credentials == CredentialVerdict::kConfirmed;
    mailbox.backoff_until =
        After(now, Spread(wrong ? options.credentials_retry : options.login_retry, seed));
    return;
  }
  uint32_t own_failures = mailbox.failures;
  if (outcome.code() == Code::kThrottled) {
    // The first is the pool's affair; one that is throttled again and again backs off as well, or
    // it alone would hold the pool back.
    --own_failures;
  }
  if (own_failures > 0) {
    mailbox.backoff_until =
        After(now, BackoffDelay(options.backoff_min, options.backoff_max, own_failures, seed));
  }
}

void Scheduler::Impl::ForgetFailures(Index index) {
  Mailbox& mailbox = mailboxes[index];
  mailbox.failures = 0;
  mailbox.backoff_until = TimePoint::min();
  if (mailbox.auth_failed) {
    mailbox.auth_failed = false;
    refused_logins.erase(index);
  }
}

}  // namespace mailhaul::scheduler
