// Bytes per day: what a stage may fetch is drawn from the scheduler before it starts, and what it
// did not need goes back. Main loop.
#include <algorithm>
#include <utility>

#include "base/log.h"
#include "engine/app/collector.h"
#include "store/day_use.h"

namespace mailhaul::app {
namespace {

using scheduler::DayUse;

// What was drawn is stored whenever it grew by this part of the limit.
constexpr uint64_t kSavedParts = 100;

uint64_t SmallerLimit(uint64_t a, uint64_t b) {
  return a == 0 || b == 0 ? std::max(a, b) : std::min(a, b);
}

}  // namespace

config::HostLimits Collector::LimitsOf(const std::string& host,
                                       const config::ProviderProfile* profile) const {
  config::HostLimits limits = config_.LimitsOf(host, profile);
  if (options_.login_only) {
    // No body is fetched. (And mailboxes may have other ids than where the day's use is stored.)
    limits.bytes_per_day = 0;
    limits.mailbox_bytes_per_day = 0;
    limits.pop3_mailbox_bytes_per_day = 0;
  }
  return limits;
}

void Collector::SetDayLimits(MailboxState& mailbox) {
  const config::HostLimits limits = LimitsOf(mailbox.config->pool, mailbox.config->profile.get());
  const bool pop3 = mailbox.config->source.protocol == config::Protocol::kPop3;
  mailbox.own_day_bytes = pop3 ? limits.pop3_mailbox_bytes_per_day : limits.mailbox_bytes_per_day;
  scheduler_.SetMailboxBytesPerDay(mailbox.id, mailbox.own_day_bytes);
  host_states_[mailbox.host].day_bytes = limits.bytes_per_day;
  host_states_[mailbox.host].connections = limits.connections;
  mailbox.day_bytes_max = SmallerLimit(limits.bytes_per_day, mailbox.own_day_bytes);
}

// Hourly, since the wall clock may be set.
void Collector::TellDay() {
  main_.CancelTimer(day_timer_);
  day_timer_ = 0;
  const TimePoint now = context_.clock.Now();
  const WallTime wall = context_.clock.WallNow();
  const auto midnight = std::chrono::floor<std::chrono::days>(wall);
  const auto day = static_cast<uint32_t>(midnight.time_since_epoch().count());
  scheduler_.SetDay(now, day, wall - midnight);
  const bool limited = std::any_of(mailboxes_.begin(), mailboxes_.end(),
                                   [](const auto& mailbox) { return mailbox->day_bytes_max != 0; });
  if (limited && !stopping_) {
    day_timer_ = main_.AddTimer(now + std::chrono::hours(1), [this] {
      day_timer_ = 0;
      TellDay();
      Pump();
    });
  }
}

void Collector::DrawBytes(scheduler::Grant& grant, MailboxState& mailbox) {
  if (mailbox.day_bytes_max == 0) {
    return;
  }
  uint64_t wanted = grant.slice_bytes;
  if (grant.job.kind == scheduler::JobKind::kNew) {
    wanted = mailbox.wanted_now.empty() ? kDayPortion : kWantedBytesMax;
  }
  wanted = std::max(wanted, std::exchange(mailbox.bytes_needed, 0));
  mailbox.drawn = scheduler_.DrawBytes(grant, context_.clock.Now(), wanted);
  mailbox.drawn_short = mailbox.drawn < wanted;
  grant.slice_bytes = mailbox.drawn;
  NoteDayUse(grant, mailbox);
}

void Collector::ReturnBytes(const scheduler::Grant& grant, MailboxState& mailbox,
                            uint64_t fetched) {
  const uint64_t drawn = std::exchange(mailbox.drawn, 0);
  const TimePoint now = context_.clock.Now();
  if (drawn > fetched) {
    scheduler_.ReturnBytes(grant, now, drawn - fetched);
  } else if (fetched > drawn && mailbox.day_bytes_max != 0) {
    scheduler_.DrawBytes(grant, now, fetched - drawn);  // The server sent more than it said.
  }
}

std::string Collector::PoolName(scheduler::HostId host, scheduler::EgressId egress) const {
  return "pool/" + NamesOf(host, egress).egress + "/" + host_states_[host].name;
}

Collector::PoolNames Collector::NamesOf(scheduler::HostId host, scheduler::EgressId egress) const {
  const HostState& state = host_states_[host];
  return {.host = state.name,
          .egress = config_.egress.empty() ? "" : config_.egress[egress].address,
          .connections_max = state.connections,
          .day_bytes_max = state.day_bytes};
}

void Collector::NoteDayUse(const scheduler::Grant& grant, const MailboxState& mailbox) {
  if (const uint64_t limit = host_states_[grant.host].day_bytes; limit != 0) {
    NoteDayUse(PoolName(grant.host, grant.egress), limit,
               scheduler_.PoolDayUse(grant.host, grant.egress));
  }
  if (mailbox.own_day_bytes != 0) {
    NoteDayUse("mailbox/" + FormatId(mailbox.id.value), mailbox.own_day_bytes,
               scheduler_.MailboxDayUse(mailbox.id));
  }
  SaveDayUses();
}

void Collector::NoteDayUse(std::string name, uint64_t limit, const DayUse& use) {
  DayUse& saved = day_uses_saved_[name];
  const uint64_t before = saved.day == use.day ? saved.new_bytes + saved.bulk_bytes : 0;
  if (use.new_bytes + use.bulk_bytes >= before + std::max<uint64_t>(limit / kSavedParts, 1)) {
    saved = use;
    day_uses_.push_back({.name = std::move(name),
                         .day = use.day,
                         .new_bytes = use.new_bytes,
                         .bulk_bytes = use.bulk_bytes});
  }
}

void Collector::SaveDayUses() {
  store::KeyValueStore* const records = options_.records;
  if (records == nullptr || day_uses_.empty()) {
    day_uses_.clear();
    return;
  }
  context_.committer.Run([records, rows = std::exchange(day_uses_, {})] {
    const Status saved = store::SaveDayUse(*records, rows);
    if (!saved.ok()) {
      LogWarning("cannot save what was fetched of the day's bytes: " + saved.ToString());
    }
  });
}

// At a clean end, to the byte.
void Collector::SaveAllDayUses() {
  const auto note = [this](std::string name, uint64_t limit, const DayUse& use) {
    if (limit != 0 && use != DayUse{} && day_uses_saved_[name] != use) {
      day_uses_.push_back({std::move(name), use.day, use.new_bytes, use.bulk_bytes});
    }
  };
  for (size_t i = 0; i < scheduler_.pool_count(); ++i) {
    const scheduler::PoolStats pool = scheduler_.Pool(i, context_.clock.Now());
    note(PoolName(pool.host, pool.egress), host_states_[pool.host].day_bytes, pool.day);
  }
  for (const auto& mailbox : mailboxes_) {
    note("mailbox/" + FormatId(mailbox->id.value), mailbox->own_day_bytes,
         scheduler_.MailboxDayUse(mailbox->id));
  }
  SaveDayUses();
}

std::optional<DayUse> Collector::SavedDayUse(const std::string& name, uint64_t limit) const {
  const auto found = day_uses_saved_.find(name);
  if (limit == 0 || found == day_uses_saved_.end()) {
    return std::nullopt;
  }
  DayUse use = found->second;
  // What was drawn last before a crash was not stored.
  use.bulk_bytes += options_.after_unclean_end && !started_ ? limit / kSavedParts : 0;
  return use;
}

void Collector::RestoreDayUse(const MailboxState& mailbox) {
  const std::string name = "mailbox/" + FormatId(mailbox.id.value);
  if (const auto use = SavedDayUse(name, mailbox.own_day_bytes)) {
    scheduler_.RestoreMailboxDayUse(mailbox.id, *use);
  }
}

void Collector::RestorePoolDayUses(scheduler::HostId host) {
  const size_t egresses = std::max<size_t>(config_.egress.size(), 1);
  for (scheduler::EgressId egress = 0; egress < egresses; ++egress) {
    if (const auto use = SavedDayUse(PoolName(host, egress), host_states_[host].day_bytes)) {
      scheduler_.RestorePoolDayUse(host, egress, *use);
    }
  }
}

Status Collector::RestoreDayUses() {
  if (options_.records == nullptr) {
    return Status::Ok();
  }
  MH_ASSIGN_OR_RETURN(const std::vector<store::DayUseRow> rows,
                      store::ReadDayUse(*options_.records));
  for (const store::DayUseRow& row : rows) {
    day_uses_saved_[row.name] = {row.day, row.new_bytes, row.bulk_bytes};
  }
  for (scheduler::HostId host = 0; host < host_states_.size(); ++host) {
    RestorePoolDayUses(host);
  }
  for (const auto& mailbox : mailboxes_) {
    RestoreDayUse(*mailbox);
  }
  return Status::Ok();
}

}  // namespace mailhaul::app
