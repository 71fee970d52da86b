#include "scheduler/world_policy.h"

#include "base/check.h"

namespace mailhaul::scheduler {

SchedulerPolicy::SchedulerPolicy(const World& world) : scheduler_(world.options) {
  for (const WorldEgress& egress : world.egress) {
    scheduler_.AddEgress(egress.address, egress.connections);
  }
  for (uint32_t i = 0; i < world.tenants.size(); ++i) {
    scheduler_.SetTenantWeight(TenantId{i}, world.tenants[i].weight);
  }
  for (const WorldHost& host : world.hosts) {
    scheduler_.AddHost(host.name, host.limits);
  }
  for (const WorldMailbox& mailbox : world.mailboxes) {
    MH_CHECK(scheduler_.AddMailbox(mailbox.id, TenantId{mailbox.tenant}, mailbox.host).ok());
  }
}

void SchedulerPolicy::Submit(const Job& job) { MH_CHECK(scheduler_.Submit(job).ok()); }

std::optional<Grant> SchedulerPolicy::Take(TimePoint now) { return scheduler_.Take(now); }

std::optional<Grant> SchedulerPolicy::TryContinue(const Grant& grant, TimePoint now) {
  return scheduler_.TryContinue(grant, now);
}

void SchedulerPolicy::Finish(const Grant& grant, TimePoint now) {
  scheduler_.Finish(grant, now, Status::Ok());
}

size_t SchedulerPolicy::Shortage(const Grant& grant, TimePoint now) const {
  return scheduler_.Shortage(grant, now);
}

TimePoint SchedulerPolicy::NextWake(TimePoint now) const { return scheduler_.NextWake(now); }

}  // namespace mailhaul::scheduler
