// The scheduler's figures, and the bytes of a day.
#include <algorithm>

#include "base/check.h"
#include "scheduler/impl.h"

namespace mailhaul::scheduler {

size_t Scheduler::queued() const { return impl_->queued; }
size_t Scheduler::granted() const { return impl_->granted; }
uint64_t Scheduler::deadline_misses() const { return impl_->deadline_misses; }
size_t Scheduler::pool_count() const { return impl_->pools.size(); }
size_t Scheduler::tenant_count() const { return impl_->tenants.size(); }

TimePoint Scheduler::BackoffUntil(MailboxId mailbox) const {
  const Impl::Index index = impl_->mailbox_index.Find(mailbox);
  return index == kAbsent ? TimePoint{}
                          : std::max(impl_->mailboxes[index].backoff_until, TimePoint{});
}

uint32_t Scheduler::ConsecutiveFailures(MailboxId mailbox) const {
  const Impl::Index index = impl_->mailbox_index.Find(mailbox);
  return index == kAbsent ? 0 : impl_->mailboxes[index].failures;
}

float Scheduler::MessagesPerHour(MailboxId mailbox) const {
  const Impl::Index index = impl_->mailbox_index.Find(mailbox);
  return index == kAbsent ? 0 : impl_->mailboxes[index].arrivals.per_hour();
}

CredentialVerdict Scheduler::Credentials(MailboxId mailbox) const {
  const auto refused = impl_->refused_logins.find(impl_->mailbox_index.Find(mailbox));
  if (refused == impl_->refused_logins.end()) {
    return CredentialVerdict::kFine;
  }
  return refused->second.confirmed ? CredentialVerdict::kConfirmed
                                   : CredentialVerdict::kUnconfirmed;
}

PoolStats Scheduler::Pool(size_t index, TimePoint now) const {
  impl_->Advance(now);
  const PoolState& pool = impl_->pools[index];
  const HostHealth& host = impl_->hosts[pool.host].health;
  PoolStats stats;
  stats.host = pool.host;
  stats.egress = pool.egress;
  stats.connections_max = impl_->ConnectionsMax(pool);
  stats.connections = pool.connections;
  stats.waiting = impl_->WaitingIn(pool, pool.waiting);
  for (size_t i = 0; i < kKindCount; ++i) {
    stats.service_time[i] = pool.service_times[i].value();
  }
  const TimePoint host_probe = pool.health.open_circuit() ? host.probe_at() : TimePoint{};
  stats.blocked_until = std::max({pool.health.blocked_until(), host_probe, TimePoint{}});
  stats.window = pool.health.window();
  stats.open_circuit = pool.health.open_circuit() || host.open_circuit();
  stats.address_blocked = pool.block.blocked();
  stats.address_blocks = pool.block.count();
  stats.egress_usable = impl_->egresses[pool.egress].usable(impl_->now);
  stats.cause = pool.cause;
  if (stats.cause == WaitCause::kNone && stats.waiting > 0 &&
      impl_->egresses[pool.egress].was_full) {
    stats.cause = WaitCause::kEgressFull;
  }
  stats.day = pool.budget.use();
  stats.grants = pool.grants;
  stats.logins = pool.logins_made;
  stats.throttles = pool.throttles;
  stats.outages = pool.outages;
  for (size_t i = 0; i < PoolState::kCauses; ++i) {
    stats.waits[PoolState::kFirstCause + i] = pool.waits[i];
  }
  stats.waits[static_cast<size_t>(WaitCause::kEgressFull)] = impl_->egresses[pool.egress].full;
  return stats;
}

TenantStats Scheduler::Tenant(size_t index) const {
  const TenantState& tenant = impl_->tenants[index];
  TenantStats stats;
  stats.tenant = tenant.id;
  stats.weight = tenant.weight;
  stats.checks = tenant.lags.count();
  stats.deadline_misses = tenant.deadline_misses;
  stats.lag_p50 = tenant.lags.Percentile(0.5);
  stats.lag_p99 = tenant.lags.Percentile(0.99);
  stats.connection_time = tenant.connection_time;
  return stats;
}

const LagHistogram& Scheduler::Lags(size_t tenant_index) const {
  return impl_->tenants[tenant_index].lags;
}

Explanation Scheduler::Explain(MailboxId mailbox, TimePoint now) const {
  impl_->Advance(now);
  const Impl::Index index = impl_->mailbox_index.Find(mailbox);
  if (index == kAbsent) {
    Explanation unknown;
    unknown.text = "It is not scheduled.";
    return unknown;
  }
  return impl_->Explain(index);
}

void Scheduler::SetDay(TimePoint now, uint32_t day, Duration since_midnight) {
  impl_->now = std::max(impl_->now, now);
  impl_->clock.Set(now, day, since_midnight);
  for (Impl::Index i = 0; i < impl_->pools.size(); ++i) {
    if (impl_->hosts[impl_->pools[i].host].limits.bytes_per_day != 0) {
      impl_->RefreshPool(i);
    }
  }
}

uint64_t Scheduler::DrawBytes(const Grant& grant, TimePoint now, uint64_t wanted) {
  Impl& impl = *impl_;
  impl.now = std::max(impl.now, now);
  Impl::GrantRecord& record = impl.FindGrant(grant);
  PoolState& pool = impl.pools[record.pool];
  const uint64_t limit = impl.hosts[pool.host].limits.bytes_per_day;
  uint64_t drawn =
      std::min(wanted, pool.budget.Available(record.kind, limit, impl.clock, impl.now));
  if (impl.mailboxes[record.mailbox].has_budget) {
    Impl::MailboxBudget& own = impl.mailbox_budgets.at(record.mailbox);
    drawn = std::min(drawn, own.budget.Available(record.kind, own.limit, impl.clock, impl.now));
    own.budget.Draw(record.kind, drawn, impl.clock, impl.now);
  }
  if (limit != 0) {
    pool.budget.Draw(record.kind, drawn, impl.clock, impl.now);
    impl.RefreshPool(record.pool);
  }
  if (const uint32_t today = impl.clock.DayAt(impl.now); record.drawn_day != today) {
    record.drawn_day = today;
    record.drawn = 0;
  }
  record.drawn += drawn;
  return drawn;
}

void Scheduler::ReturnBytes(const Grant& grant, TimePoint now, uint64_t unused) {
  Impl& impl = *impl_;
  impl.now = std::max(impl.now, now);
  Impl::GrantRecord& record = impl.FindGrant(grant);
  // What was drawn before midnight leaves no more of the new day.
  const bool today = record.drawn_day == impl.clock.DayAt(impl.now);
  unused = today ? std::min(unused, record.drawn) : 0;
  record.drawn -= unused;
  if (impl.mailboxes[record.mailbox].has_budget) {
    impl.mailbox_budgets.at(record.mailbox)
        .budget.Return(record.kind, unused, impl.clock, impl.now);
  }
  PoolState& pool = impl.pools[record.pool];
  if (impl.hosts[pool.host].limits.bytes_per_day != 0) {
    pool.budget.Return(record.kind, unused, impl.clock, impl.now);
    impl.RefreshPool(record.pool);
  }
}

void Scheduler::SetMailboxBytesPerDay(MailboxId mailbox, uint64_t bytes) {
  const Impl::Index index = impl_->mailbox_index.Find(mailbox);
  if (index == kAbsent) {
    return;
  }
  impl_->mailboxes[index].has_budget = bytes != 0;
  if (bytes == 0) {
    impl_->mailbox_budgets.erase(index);
  } else {
    impl_->mailbox_budgets[index].limit = bytes;
  }
}

DayUse Scheduler::PoolDayUse(HostId host, EgressId egress) const {
  const Impl::Index index = impl_->FindPool(host, egress);
  return index == kAbsent ? DayUse{} : impl_->pools[index].budget.use();
}

DayUse Scheduler::MailboxDayUse(MailboxId mailbox) const {
  const auto own = impl_->mailbox_budgets.find(impl_->mailbox_index.Find(mailbox));
  return own == impl_->mailbox_budgets.end() ? DayUse{} : own->second.budget.use();
}

void Scheduler::RestorePoolDayUse(HostId host, EgressId egress, const DayUse& use) {
  MH_CHECK(host < impl_->hosts.size() && egress < impl_->egresses.size());
  const Impl::Index index = impl_->FindOrAddPool(host, egress);
  impl_->pools[index].budget.Restore(use);
  impl_->RefreshPool(index);
}

void Scheduler::RestoreMailboxDayUse(MailboxId mailbox, const DayUse& use) {
  const auto own = impl_->mailbox_budgets.find(impl_->mailbox_index.Find(mailbox));
  if (own != impl_->mailbox_budgets.end()) {
    own->second.budget.Restore(use);
  }
}

}  // namespace mailhaul::scheduler
