#include "scheduler/scheduler.h"

#include <algorithm>
#include <string>

#include "base/check.h"
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
  MH_CHECK(options.mailboxes_max <= kAbsent / kKindCount);
}

Scheduler::~Scheduler() = default;

EgressId Scheduler::AddEgress(std::string_view address, uint32_t connections_max) {
  MH_CHECK(connections_max > 0);
  const auto id = static_cast<EgressId>(impl_->egresses.size());
  const auto [entry, added] = impl_->egress_index.try_emplace(std::string(address), id);
  if (added) {
    impl_->egresses.emplace_back(impl_->options, address, connections_max);
    impl_->egress_positions.push_back(kAbsent);
  } else {
    impl_->egresses[entry->second].connections_max = connections_max;
    impl_->RefreshEgress(entry->second);
  }
  return entry->second;
}

HostId Scheduler::AddHost(std::string_view name, const HostLimits& limits) {
  MH_CHECK(limits.connections > 0 && limits.logins_per_second > 0);
  const auto id = static_cast<HostId>(impl_->hosts.size());
  const auto [entry, added] = impl_->host_index.try_emplace(std::string(name), id);
  if (added) {
    impl_->hosts.push_back(Impl::Host{limits, {}});
    return id;
  }
  Impl::Host& host = impl_->hosts[entry->second];
  host.limits = limits;
  for (const auto& [egress, index] : host.pools) {
    impl_->pools[index].health.SetLimit(limits.connections);
    impl_->pools[index].logins.SetLimit(limits.logins_per_second);
    impl_->RefreshPool(index);
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
  if (impl.mailbox_index.contains(mailbox)) {
    return {Code::kAlreadyExists, "mailbox is scheduled already"};
  }
  if (impl.mailbox_index.size() >= impl.options.mailboxes_max) {
    return {Code::kResourceExhausted, "no more mailboxes fit the scheduler (mailboxes_max)"};
  }
  if (impl.free_mailboxes.empty()) {
    impl.free_mailboxes.push_back(static_cast<Impl::Index>(impl.mailboxes.size()));
    impl.mailboxes.emplace_back();
    impl.job_positions.insert(impl.job_positions.end(), kKindCount, kAbsent);
  }
  const Impl::Index index = impl.free_mailboxes.back();
  impl.free_mailboxes.pop_back();
  Impl::Mailbox& added = impl.mailboxes[index];
  added = Impl::Mailbox{};
  added.id = mailbox;
  added.pool = impl.FindOrAddPool(host, impl.ChooseEgress(mailbox));
  added.tenant = impl.FindOrAddTenant(tenant);
  added.lane = impl.FindOrAddLane(impl.pools[added.pool], added.tenant);
  impl.mailbox_index.emplace(mailbox, index);
  return Status::Ok();
}

Status Scheduler::RemoveMailbox(MailboxId mailbox) {
  const auto entry = impl_->mailbox_index.find(mailbox);
  if (entry == impl_->mailbox_index.end()) {
    return {Code::kNotFound, "mailbox is not scheduled"};
  }
  const Impl::Index index = entry->second;
  if (impl_->mailboxes[index].out) {
    return {Code::kConflict, "mailbox is out on a grant"};
  }
  for (const JobKind kind : kKinds) {
    if (impl_->mailboxes[index].jobs[Index(kind)].state != Impl::JobState::kNone) {
      impl_->Dequeue(index, kind);
      --impl_->queued;
    }
  }
  impl_->RefreshPool(impl_->mailboxes[index].pool);
  impl_->free_mailboxes.push_back(index);
  impl_->mailbox_index.erase(entry);
  return Status::Ok();
}

Status Scheduler::Submit(const Job& job) {
  const auto entry = impl_->mailbox_index.find(job.mailbox);
  if (entry == impl_->mailbox_index.end()) {
    return {Code::kNotFound, "mailbox is not scheduled"};
  }
  Impl::QueuedJob& queued = impl_->mailboxes[entry->second].jobs[Index(job.kind)];
  if (queued.state == Impl::JobState::kNone) {
    queued.not_before = job.not_before;
    queued.deadline = job.deadline;
    queued.refresh = false;
    ++impl_->queued;
  } else {
    impl_->Dequeue(entry->second, job.kind);
    queued.not_before = std::min(queued.not_before, job.not_before);
    queued.deadline = std::min(queued.deadline, job.deadline);
  }
  queued.refresh |= job.refresh && job.kind == JobKind::kNew;
  impl_->Enqueue(entry->second, job.kind);
  if (queued.state == Impl::JobState::kReady) {
    impl_->RefreshPool(impl_->mailboxes[entry->second].pool);
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
  Impl::Pool& pool = impl.pools[index];
  const FairQueue::Head head = pool.queues[Index(kind)].Peek(impl.now);
  ++pool.connections;
  ++impl.egresses[egress].connections;
  pool.logins.Record(impl.now);
  const Grant grant = impl.MakeGrant(head.job / static_cast<Impl::Index>(kKindCount), kind);
  impl.RefreshPool(index);
  return grant;
}

void Scheduler::NoteNewMail(const Grant& grant, TimePoint now, uint32_t messages) {
  impl_->now = std::max(impl_->now, now);
  impl_->mailboxes[impl_->FindGrant(grant).mailbox].arrivals.Record(messages, impl_->now);
}

void Scheduler::Finish(const Grant& grant, TimePoint now, const Status& outcome) {
  Impl& impl = *impl_;
  impl.now = std::max(impl.now, now);
  const Impl::GrantRecord record = impl.Release(grant);
  Impl::Mailbox& mailbox = impl.mailboxes[record.mailbox];
  Impl::Pool& pool = impl.pools[mailbox.pool];
  --pool.connections;
  --impl.egresses[pool.egress].connections;
  impl.SettleTime(record, outcome.ok());
  impl.Settle(mailbox, pool, record.pool_epoch, outcome);
  impl.Unpark(record.mailbox);
  impl.RefreshPool(mailbox.pool);
}

std::optional<Grant> Scheduler::TryContinue(const Grant& grant, TimePoint now) {
  Impl& impl = *impl_;
  impl.Advance(now);
  Impl::GrantRecord& out = impl.FindGrant(grant);
  out.worked_until = std::min(out.worked_until, impl.now);
  const Impl::Index index = out.mailbox;
  Impl::Mailbox& mailbox = impl.mailboxes[index];
  const std::optional<JobKind> kind = impl.NextOf(mailbox);
  if (!kind.has_value() || impl.MustYield(mailbox, *kind)) {
    return std::nullopt;
  }
  const Impl::GrantRecord record = impl.Release(grant);
  impl.SettleTime(record, true);
  impl.Settle(mailbox, impl.pools[mailbox.pool], record.pool_epoch, Status::Ok());
  const Grant next = impl.MakeGrant(index, *kind);
  impl.RefreshPool(mailbox.pool);
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
  const Impl::Index index = impl.mailboxes[impl.FindGrant(grant).mailbox].pool;
  const auto waiting_of = [](const Impl::Pool& pool) {
    size_t waiting = 0;
    for (const FairQueue& queue : pool.queues) {
      waiting += queue.size();
    }
    return waiting;
  };
  const Impl::Pool& pool = impl.pools[index];
  if (pool.connections >= pool.health.connections_max()) {
    return waiting_of(pool);
  }
  const Impl::Egress& egress = impl.egresses[pool.egress];
  if (egress.connections < egress.connections_max) {
    return 0;
  }
  size_t waiting = 0;
  for (const Impl::Pool& each : impl.pools) {
    waiting += each.egress == pool.egress ? waiting_of(each) : 0;
  }
  return waiting;
}

TimePoint Scheduler::NextWake(TimePoint now) const {
  Impl& impl = *impl_;
  impl.Advance(now);
  if (!impl.open_egresses.empty()) {
    return impl.now;
  }
  const TimePoint job = impl.timers.empty() ? TimePoint::max() : impl.timers.top_key();
  const TimePoint pool = impl.pool_timers.empty() ? TimePoint::max() : impl.pool_timers.top_key();
  return std::min(job, pool);
}

size_t Scheduler::queued() const { return impl_->queued; }
size_t Scheduler::granted() const { return impl_->granted; }
uint64_t Scheduler::deadline_misses() const { return impl_->deadline_misses; }
size_t Scheduler::pool_count() const { return impl_->pools.size(); }

TimePoint Scheduler::BackoffUntil(MailboxId mailbox) const {
  const auto entry = impl_->mailbox_index.find(mailbox);
  if (entry == impl_->mailbox_index.end()) {
    return TimePoint{};
  }
  return std::max(impl_->mailboxes[entry->second].backoff_until, TimePoint{});
}

uint32_t Scheduler::ConsecutiveFailures(MailboxId mailbox) const {
  const auto entry = impl_->mailbox_index.find(mailbox);
  return entry == impl_->mailbox_index.end() ? 0 : impl_->mailboxes[entry->second].failures;
}

float Scheduler::MessagesPerHour(MailboxId mailbox) const {
  const auto entry = impl_->mailbox_index.find(mailbox);
  return entry == impl_->mailbox_index.end() ? 0
                                             : impl_->mailboxes[entry->second].arrivals.per_hour();
}

PoolStats Scheduler::Pool(size_t index, TimePoint now) const {
  impl_->Advance(now);
  const Impl::Pool& pool = impl_->pools[index];
  PoolStats stats;
  stats.host = pool.host;
  stats.egress = pool.egress;
  stats.connections_max = pool.health.connections_max();
  stats.connections = pool.connections;
  for (const FairQueue& queue : pool.queues) {
    stats.waiting += queue.size();
  }
  for (size_t i = 0; i < kKindCount; ++i) {
    stats.service_time[i] = pool.service_times[i].value();
  }
  stats.blocked_until = std::max(pool.health.blocked_until(), TimePoint{});
  return stats;
}

}  // namespace mailhaul::scheduler
