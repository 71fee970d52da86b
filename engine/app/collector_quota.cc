// Quotas: a tenant that has used up its bytes is not collected until there is room again.
#include <algorithm>
#include <utility>

#include "base/log.h"
#include "base/text.h"
#include "base/units.h"
#include "engine/app/collector.h"

namespace mailhaul::app {
namespace {

using scheduler::JobKind;

constexpr Duration kQuotaLookEvery = std::chrono::seconds(10);
// What must be free before a tenant is collected again, as a part of its quota: so that one message
// that goes does not have all its mailboxes checked for the next that comes.
constexpr uint64_t kRoomPart = 100;

}  // namespace

Status Collector::CountQuotaBytes() {
  std::vector<TenantId> tenants;
  for (const config::TenantConfig& tenant : config_.tenants) {
    const std::optional<TenantId> id = context_.store.FindTenant(tenant.name);
    if (tenant.quota_bytes != 0 && id.has_value()) {
      SetQuota(tenant.name, *id, tenant.quota_bytes);
      tenants.push_back(*id);
    }
  }
  return context_.store.CountBytes(tenants);
}

void Collector::SetQuota(std::string_view name, TenantId tenant, uint64_t bytes_max) {
  std::erase_if(quotas_, [name](const QuotaUse& use) { return use.name == name; });
  if (bytes_max != 0) {
    quotas_.push_back({.tenant = tenant, .name = std::string(name), .bytes_max = bytes_max});
  }
  // What is parked may have room now.
  if (quota_timer_ != 0) {
    main_.CancelTimer(std::exchange(quota_timer_, 0));
    ResumeWithinQuota();
  }
}

void Collector::ForgetParked(MailboxState& mailbox) {
  mailbox.no_room = {};
  parked_for_disk_.erase(mailbox.id);
  const auto parked = parked_.find(mailbox.tenant_id);
  if (parked != parked_.end() && parked->second.erase(&mailbox) > 0 && parked->second.empty()) {
    parked_.erase(parked);
  }
}

std::vector<Collector::QuotaUse> Collector::QuotaUses() const {
  std::vector<QuotaUse> uses = quotas_;
  for (QuotaUse& use : uses) {
    use.bytes = context_.store.BytesOf(use.tenant).value_or(0);
  }
  return uses;
}

bool Collector::IsOverQuota(const MailboxState& mailbox) const {
  return mailbox.tenant->quota_bytes != 0 &&
         context_.store.BytesOf(mailbox.tenant_id).value_or(0) >= mailbox.tenant->quota_bytes;
}

// Nothing of it is queued by itself any more: Unpark() does.
void Collector::ParkMailbox(MailboxState& mailbox, std::string_view state, const Status& status) {
  mailbox.phase = MailboxState::Phase::kFailing;
  mailbox.last_error = status;
  mailbox.window_queued = false;
  mailbox.backfill_queued = false;
  mailbox.next_due.reset();
  if (std::exchange(mailbox.no_room, state) != state) {
    MarkDirty(mailbox);
  }
}

void Collector::Unpark(MailboxState& mailbox) {
  const TimePoint now = context_.clock.Now();
  mailbox.phase = MailboxState::Phase::kPending;
  mailbox.last_error = Status::Ok();
  mailbox.no_room = {};
  MarkDirty(mailbox);
  Submit(mailbox, JobKind::kNew, now, now + FreshnessOf(mailbox));
}

void Collector::ParkForQuota(MailboxState& mailbox) {
  const Status status(Code::kResourceExhausted,
                      "the tenant's quota of " + FormatByteSize(mailbox.tenant->quota_bytes) +
                          " is used up; collecting goes on by itself when there is room");
  ParkMailbox(mailbox, kOverQuota, status);
  if (parked_[mailbox.tenant_id].insert(&mailbox).second &&
      parked_[mailbox.tenant_id].size() == 1) {
    LogWarning("tenant " + EscapeForLog(mailbox.tenant->name) + ": " + status.message());
  }
  if (!options_.continuous) {
    if (!mailbox.batch_over) {
      EndBatchFor(mailbox, status, /*deferred=*/true);
    }
  } else if (quota_timer_ == 0) {
    ArmQuotaTimer();
  }
}

void Collector::ArmQuotaTimer() {
  quota_timer_ = main_.AddTimer(context_.clock.Now() + kQuotaLookEvery, [this] {
    quota_timer_ = 0;
    ResumeWithinQuota();
  });
}

void Collector::ResumeWithinQuota() {
  if (stopping_) {
    return;
  }
  for (auto parked = parked_.begin(); parked != parked_.end();) {
    const MailboxState* const first = *parked->second.begin();
    const uint64_t quota = first->tenant->quota_bytes;
    if (quota != 0 &&
        context_.store.BytesOf(parked->first).value_or(0) >= quota - quota / kRoomPart) {
      ++parked;
      continue;
    }
    LogInfo("tenant " + EscapeForLog(first->tenant->name) + ": there is room in its quota again");
    const std::set<MailboxState*> mailboxes = std::move(parked->second);
    parked = parked_.erase(parked);
    for (MailboxState* mailbox : mailboxes) {
      Unpark(*mailbox);
    }
  }
  if (!parked_.empty()) {
    ArmQuotaTimer();
  }
  Pump();
}

}  // namespace mailhaul::app
