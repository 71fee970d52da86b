#include "scheduler/scheduler.h"

#include <algorithm>
#include <string>
#include <utility>

#include "base/check.h"
#include "scheduler/backoff.h"
#include "scheduler/impl.h"

namespace mailhaul::scheduler {

std::string_view ToString(JobKind kind) {
  switch (kind) {
    case JobKind::kNew:
      return "new";
    case JobKind::kWindow:
      return "window";
    case JobKind::kBackfill:
      return "backfill";
  }
  return "unknown";
}

Scheduler::Scheduler(const Options& options) : impl_(std::make_unique<Impl>(options)) {
  MH_CHECK(options.backoff_min > Duration::zero() && options.backoff_max >= options.backoff_min);
  MH_CHECK(options.login_retry > Duration::zero() && options.credentials_retry > Duration::zero());
  MH_CHECK(options.mailboxes_max < kAbsent / kKindCount);
}

Scheduler::~Scheduler() = default;

EgressId Scheduler::AddEgress(std::string_view address, uint32_t connections_max) {
  MH_CHECK(connections_max > 0);
  Impl& impl = *impl_;
  const auto id = static_cast<EgressId>(impl.egresses.size());
  const auto [entry, added] = impl.egress_index.try_emplace(std::string(address), id);
  if (added) {
    impl.egresses.emplace_back(impl.options, address, connections_max);
    impl.egress_positions.push_back(kAbsent);
    impl.RelocateTo(id);
    return id;
  }
  EgressState& egress = impl.egresses[entry->second];
  const bool returns = std::exchange(egress.removed, false);
  if (std::exchange(egress.connections_max, connections_max) != connections_max) {
    impl.RelocateAll();
  } else if (returns) {
    impl.RelocateTo(entry->second);
  }
  impl.RefreshEgressPools(entry->second);
  impl.RefreshEgress(entry->second);
  return entry->second;
}

void Scheduler::RemoveEgress(EgressId egress) {
  MH_CHECK(egress < impl_->egresses.size());
  impl_->egresses[egress].removed = true;
  impl_->RelocateFrom(egress);
  impl_->RefreshEgressPools(egress);
}

void Scheduler::BlockEgress(EgressId egress, TimePoint until, TimePoint now) {
  MH_CHECK(egress < impl_->egresses.size());
  impl_->Advance(now);
  EgressState& state = impl_->egresses[egress];
  if (until <= std::max(impl_->now, state.blocked_until)) {
    return;
  }
  state.blocked_until = until;
  impl_->next_unblock = std::min(impl_->next_unblock, until);
  impl_->RelocateFrom(egress);
  impl_->RefreshEgressPools(egress);
}

HostId Scheduler::AddHost(std::string_view name, const HostLimits& limits) {
  MH_CHECK(limits.connections > 0 && limits.logins_per_second > 0);
  const auto id = static_cast<HostId>(impl_->hosts.size());
  const auto [entry, added] = impl_->host_index.try_emplace(std::string(name), id);
  if (added) {
    impl_->hosts.emplace_back().limits = limits;
    return id;
  }
  HostState& host = impl_->hosts[entry->second];
  host.limits = limits;
  for (const Impl::Index index : host.pools) {
    if (index != kAbsent) {
      impl_->pools[index].health.SetLimit(limits.connections);
      impl_->pools[index].logins.SetLimit(limits.logins_per_second);
      impl_->RefreshPool(index);
    }
  }
  return entry->second;
}

void Scheduler::SetTenantWeight(TenantId tenant, uint32_t weight) {
  MH_CHECK(weight > 0 && weight <= kWeightMax);
  impl_->tenants[impl_->FindOrAddTenant(tenant)].weight = weight;
}

Status Scheduler::AddMailbox(MailboxId mailbox, TenantId tenant, HostId host) {
  Impl& impl = *impl_;
  if (mailbox.value == 0 || host >= impl.hosts.size() || impl.egresses.empty()) {
    return {Code::kInvalidArgument, "a mailbox needs an id, a known host and an egress address"};
  }
  if (impl.mailbox_index.Find(mailbox) != kAbsent) {
    return {Code::kAlreadyExists, "mailbox is scheduled already"};
  }
  if (impl.mailbox_index.size() >= impl.options.mailboxes_max) {
    return {Code::kResourceExhausted, "no more mailboxes fit the scheduler (mailboxes_max)"};
  }
  if (impl.free_mailboxes.empty()) {
    impl.free_mailboxes.push_back(static_cast<Impl::Index>(impl.mailboxes.size()));
    impl.mailboxes.Add();
  }
  const Impl::Index index = impl.free_mailboxes.back();
  impl.free_mailboxes.pop_back();
  Mailbox& added = impl.mailboxes[index];
  added = Mailbox{};
  added.id = mailbox;
  added.tenant = impl.FindOrAddTenant(tenant);
  added.pool = impl.FindOrAddPool(host, impl.ChooseEgress(index, host));
  impl.mailbox_index.Add(index);
  return Status::Ok();
}

Status Scheduler::RemoveMailbox(MailboxId mailbox) {
  Impl& impl = *impl_;
  const Impl::Index index = impl.mailbox_index.Find(mailbox);
  if (index == kAbsent) {
    return {Code::kNotFound, "mailbox is not scheduled"};
  }
  Mailbox& removed = impl.mailboxes[index];
  if (removed.out) {
    return {Code::kConflict, "mailbox is out on a grant"};
  }
  for (const JobKind kind : kKinds) {
    if (removed.state(kind) != JobState::kNone) {
      impl.Dequeue(index, kind);
      --impl.queued;
    }
  }
  impl.ForgetFailures(index);
  impl.ForgetProber(index);
  impl.mailbox_budgets.erase(index);
  impl.RefreshPool(removed.pool);
  impl.free_mailboxes.push_back(index);
  impl.mailbox_index.Remove(mailbox);
  removed = Mailbox{};
  return Status::Ok();
}

Status Scheduler::Submit(const Job& job) {
  Impl& impl = *impl_;
  const Impl::Index index = impl.mailbox_index.Find(job.mailbox);
  if (index == kAbsent) {
    return {Code::kNotFound, "mailbox is not scheduled"};
  }
  Mailbox& mailbox = impl.mailboxes[index];
  if (mailbox.out) {
    impl.PrefetchPool(mailbox.pool);  // Its Finish() is near.
  }
  Mailbox::QueuedJob& queued = mailbox.jobs[Index(job.kind)];
  const bool is_queued = mailbox.state(job.kind) != JobState::kNone;
  if (job.kind == JobKind::kNew && (!is_queued || job.deadline < queued.deadline)) {
    mailbox.freshness_ms = ToMilliseconds(job.freshness);
  }
  if (!is_queued) {
    queued = {job.not_before, job.deadline};
    ++impl.queued;
  } else {
    impl.Dequeue(index, job.kind);
    queued.not_before = std::min(queued.not_before, job.not_before);
    queued.deadline = std::min(queued.deadline, job.deadline);
  }
  if (job.kind == JobKind::kNew) {
    mailbox.refresh |= job.refresh;
  }
  impl.Enqueue(index, job.kind);
  if (mailbox.state(job.kind) == JobState::kReady) {
    impl.RefreshPool(mailbox.pool);
  }
  return Status::Ok();
}

std::optional<Grant> Scheduler::Take(TimePoint now) {
  Impl& impl = *impl_;
  impl.Advance(now);
  if (impl.open_egresses.empty()) {
    return std::nullopt;
  }
  const EgressId egress = impl.open_egresses.top_id();
  const auto [index, kind] = impl.ChoosePool(egress);
  PoolState& pool = impl.pools[index];
  HostState& host = impl.hosts[pool.host];
  const bool probe = pool.health.open_circuit() || host.health.open_circuit();
  const FairQueue::Head head = impl.QueueOf(pool, kind)->Peek(impl.now);
  ++pool.connections;
  ++impl.egresses[egress].connections;
  ++pool.logins_made;
  pool.logins.Record(impl.now);
  pool.probes += probe ? 1 : 0;
  host.probes += probe ? 1 : 0;
  const Grant grant = impl.MakeGrant(MailboxOf(head.job), kind, /*login=*/true, probe);
  impl.RefreshPool(index);
  if (probe) {
    impl.RefreshHost(pool.host);
  }
  return grant;
}

void Scheduler::NoteNewMail(const Grant& grant, TimePoint now, uint32_t messages) {
  impl_->now = std::max(impl_->now, now);
  impl_->mailboxes[impl_->FindGrant(grant).mailbox].arrivals.Record(messages, impl_->now);
}

void Scheduler::NotePromised(const Grant& grant, TimePoint promised) {
  impl_->FindGrant(grant).promised = promised;
}

CredentialVerdict Scheduler::Finish(const Grant& grant, TimePoint now, const Status& outcome) {
  Impl& impl = *impl_;
  impl.now = std::max(impl.now, now);
  const Impl::GrantRecord record = impl.Release(grant);
  PoolState& pool = impl.pools[record.pool];
  --pool.connections;
  --impl.egresses[pool.egress].connections;
  const CredentialVerdict verdict = impl.Settle(record, outcome);
  if (impl.mailboxes[record.mailbox].moving) {
    impl.Relocate(record.mailbox);
  }
  impl.Unpark(record.mailbox);
  impl.RefreshPool(record.pool);
  if (impl.mailboxes[record.mailbox].pool != record.pool) {
    impl.RefreshPool(impl.mailboxes[record.mailbox].pool);
  }
  return verdict;
}

std::optional<Grant> Scheduler::TryContinue(const Grant& grant, TimePoint now) {
  Impl& impl = *impl_;
  impl.Advance(now);
  Impl::GrantRecord& out = impl.FindGrant(grant);
  out.worked_until = std::min(out.worked_until, impl.now);
  const Impl::Index index = out.mailbox;
  const std::optional<JobKind> kind = impl.NextOf(index);
  if (!kind.has_value() || impl.MustYield(out, *kind)) {
    if (out.slicing) {
      impl.EndSlice(out);
      impl.RefreshPool(out.pool);
    }
    if (Shortage(grant, now) == 0) {
      out.charged_until = std::min(out.charged_until, impl.now);
    }
    return std::nullopt;
  }
  const Impl::GrantRecord record = impl.Release(grant);
  impl.Settle(record, Status::Ok());
  const Grant next = impl.MakeGrant(index, *kind, /*login=*/false, /*probe=*/false);
  impl.FindGrant(next).connected = record.connected;
  impl.RefreshPool(record.pool);
  return next;
}

std::optional<Grant> Scheduler::Continue(const Grant& grant, TimePoint now) {
  std::optional<Grant> next = TryContinue(grant, now);
  if (!next.has_value()) {
    Finish(grant, now, Status::Ok());
  }
  return next;
}

size_t Scheduler::Shortage(const Grant& grant, TimePoint now) const {
  Impl& impl = *impl_;
  impl.Advance(now);
  const PoolState& pool = impl.pools[impl.FindGrant(grant).pool];
  if (pool.connections >= impl.ConnectionsMax(pool)) {
    return impl.WaitingIn(pool, impl.Grantable(pool));
  }
  const EgressState& egress = impl.egresses[pool.egress];
  // What waits for another reason does not need the connection.
  const bool wanted = egress.connections >= egress.connections_max && Any(Impl::OpenKinds(egress));
  return wanted ? egress.waiting : 0;
}

bool Scheduler::PoolIsFull(const Grant& grant, TimePoint now) const {
  Impl& impl = *impl_;
  impl.Advance(now);
  const PoolState& pool = impl.pools[impl.FindGrant(grant).pool];
  return pool.connections >= impl.ConnectionsMax(pool);
}

TimePoint Scheduler::NextWake(TimePoint now) const {
  Impl& impl = *impl_;
  impl.Advance(now);
  if (!impl.open_egresses.empty()) {
    return impl.now;
  }
  const TimePoint job = impl.timers.empty() ? TimePoint::max() : impl.timers.top().due;
  const TimePoint pool = impl.pool_timers.empty() ? TimePoint::max() : impl.pool_timers.top_key();
  return std::min({job, pool, impl.next_unblock, impl.next_probe});
}

void Scheduler::BeginRampUp(TimePoint now) {
  Impl& impl = *impl_;
  impl.now = std::max(impl.now, now);
  for (Impl::Index i = 0; i < impl.pools.size(); ++i) {
    impl.pools[i].health.StartSlowly();
  }
  HoldLogins(After(impl.now, std::chrono::seconds(1)), impl.now);
}

void Scheduler::HoldLogins(TimePoint until, TimePoint now) {
  Impl& impl = *impl_;
  impl.now = std::max(impl.now, now);
  impl.logins_from = std::max(impl.logins_from, until);
  for (Impl::Index i = 0; i < impl.pools.size(); ++i) {
    impl.RefreshPool(i);
  }
}

void Scheduler::ClearBackoff(MailboxId mailbox, TimePoint now) {
  Impl& impl = *impl_;
  impl.now = std::max(impl.now, now);
  const Impl::Index index = impl.mailbox_index.Find(mailbox);
  if (index == kAbsent) {
    return;
  }
  impl.ForgetFailures(index);
  for (const JobKind kind : kKinds) {
    if (impl.mailboxes[index].state(kind) == JobState::kTimed) {
      impl.Dequeue(index, kind);
      impl.Enqueue(index, kind);
    }
  }
  impl.RefreshPool(impl.mailboxes[index].pool);
}

}  // namespace mailhaul::scheduler
