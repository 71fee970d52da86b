#include "engine/app/plan_world.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <utility>

#include "engine/app/check_time.h"

namespace mailhaul::app {
namespace {

// Connection, login, list and status of the folders, end: 3.7 as measured in plain text with a
// distant Dovecot (bench/results/forecast-2026-11-24.json); TLS costs two more.
constexpr double kRoundTripsPlain = 4;
constexpr double kRoundTripsTls = 6;
// Of a session's time: until logged in; the check; the end.
constexpr double kOpenShare = 0.5;
constexpr double kCheckShare = 0.35;
constexpr double kCloseShare = 1 - kOpenShare - kCheckShare;

constexpr double kRounding = 1e-9;

Duration Part(Duration whole, double share) {
  return Duration(static_cast<Duration::rep>(static_cast<double>(whole.count()) * share));
}

double Seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

// Each part of the session is drawn by itself, so that the whole spreads less than its parts.
double SpreadOfParts(double whole) {
  static const double kOfOne =
      std::sqrt(kOpenShare * kOpenShare + kCheckShare * kCheckShare + kCloseShare * kCloseShare);
  return std::min(whole / kOfOne, 1.0);
}

class WorldBuilder final {
 public:
  WorldBuilder(const config::Config& config, const store::MailStore* store,
               const MeasuredChecks& measured, const PlanAssumptions& assumptions)
      : config_(config), store_(store), measured_(measured), assumptions_(assumptions) {}

  scheduler::World Build() {
    for (const config::Egress& egress : config_.egress) {
      world_.egress.push_back({egress.address, egress.connections});
    }
    if (world_.egress.empty()) {
      world_.egress.push_back({"", config::Egress().connections});
    }
    for (const config::TenantConfig& tenant : config_.tenants) {
      AddTenant(tenant);
    }
    return std::move(world_);
  }

 private:
  void AddTenant(const config::TenantConfig& tenant) {
    world_.tenants.push_back({tenant.name, tenant.weight});
    const std::optional<TenantId> known =
        store_ == nullptr ? std::nullopt : store_->FindTenant(tenant.name);
    std::map<std::string, double> active;  // By pool: how many more are to be active.
    for (const config::MailboxConfig& mailbox : tenant.mailboxes) {
      double& owed = active[mailbox.pool];
      owed += assumptions_.active_share;
      const bool is_active = owed >= 1 - kRounding;
      owed -= is_active ? 1 : 0;
      AddMailbox(tenant, mailbox, known, is_active);
    }
  }

  void AddMailbox(const config::TenantConfig& tenant, const config::MailboxConfig& mailbox,
                  std::optional<TenantId> tenant_id, bool active) {
    const bool pop3 = mailbox.source.protocol == config::Protocol::kPop3;
    scheduler::WorldMailbox added;
    added.tenant = static_cast<uint32_t>(world_.tenants.size() - 1);
    added.host = HostOf(mailbox);
    added.freshness = active ? tenant.freshness.active : tenant.freshness.normal;
    added.held = active && !pop3;
    if (pop3 && mailbox.profile != nullptr) {
      added.login_interval = mailbox.profile->pop3_check_interval;
    }
    const config::HostLimits limits = config_.LimitsOf(mailbox.pool, mailbox.profile.get());
    added.bytes_per_day = pop3 ? limits.pop3_mailbox_bytes_per_day : limits.mailbox_bytes_per_day;
    AddStored(tenant, Stored(tenant_id, mailbox.id), added);
    world_.mailboxes.push_back(added);
  }

  std::optional<store::MailboxRecord> Stored(std::optional<TenantId> tenant,
                                             const std::string& mailbox) const {
    const std::optional<MailboxId> id =
        tenant.has_value() ? store_->FindMailbox(*tenant, mailbox) : std::nullopt;
    if (!id.has_value()) {
      return std::nullopt;
    }
    const Result<store::MailboxRecord> record = store_->GetMailbox(*id);
    return record.ok() ? std::optional(*record) : std::nullopt;
  }

  void AddStored(const config::TenantConfig& tenant,
                 const std::optional<store::MailboxRecord>& stored,
                 scheduler::WorldMailbox& mailbox) {
    // Numbers as no store gives them: its own have a shard other than the control shard.
    mailbox.id = stored.has_value() ? stored->id : MailboxId{world_.mailboxes.size() + 1};
    const bool has_mail = stored.has_value() && stored->messages > 0;
    const uint64_t message_bytes =
        has_mail ? stored->bytes / stored->messages : assumptions_.message_bytes;
    mailbox.new_bytes_per_day = assumptions_.messages_per_day * message_bytes;
    if (!tenant.collect.backfill || (stored.has_value() && stored->backfill_coverage >= 1)) {
      return;
    }
    mailbox.backfill_bytes = assumptions_.mailbox_bytes;
    if (has_mail && stored->backfill_coverage > 0) {
      mailbox.backfill_bytes = static_cast<uint64_t>(static_cast<double>(stored->bytes) *
                                                     (1 / stored->backfill_coverage - 1));
    }
  }

  uint32_t HostOf(const config::MailboxConfig& mailbox) {
    const auto [entry, added] =
        hosts_.try_emplace(mailbox.pool, static_cast<uint32_t>(world_.hosts.size()));
    if (!added) {
      return entry->second;
    }
    const config::HostLimits limits = config_.LimitsOf(mailbox.pool, mailbox.profile.get());
    Duration session = assumptions_.CheckTimeOf(mailbox.source.security);
    double spread = assumptions_.spread;
    if (const auto known = measured_.find(mailbox.pool); known != measured_.end()) {
      session = known->second.mean;
      spread = Seconds(known->second.deviation) / Seconds(known->second.mean);
    }
    scheduler::WorldHost host;
    host.name = mailbox.pool;
    host.limits.connections = limits.connections;
    host.limits.logins_per_second = limits.logins_per_second;
    host.limits.bytes_per_day = limits.bytes_per_day;
    host.times.open = Part(session, kOpenShare);
    host.times.check = Part(session, kCheckShare);
    host.times.close = session - host.times.open - host.times.check;
    host.times.spread = SpreadOfParts(spread);
    host.times.bytes_per_second = assumptions_.bytes_per_second;
    world_.hosts.push_back(std::move(host));
    return entry->second;
  }

  const config::Config& config_;
  const store::MailStore* store_;
  const MeasuredChecks& measured_;
  const PlanAssumptions& assumptions_;
  scheduler::World world_;
  std::map<std::string, uint32_t> hosts_;
};

}  // namespace

std::chrono::milliseconds PlanAssumptions::CheckTimeOf(config::SecurityMode security) const {
  if (check_time.has_value()) {
    return *check_time;
  }
  const double trips =
      security == config::SecurityMode::kPlaintext ? kRoundTripsPlain : kRoundTripsTls;
  return std::chrono::milliseconds(std::llround(static_cast<double>(round_trip.count()) * trips));
}

Result<MeasuredChecks> ReadMeasuredChecks(store::KeyValueStore& records,
                                          const PlanAssumptions& assumptions) {
  MeasuredChecks measured;
  if (assumptions.check_time.has_value()) {
    return measured;
  }
  MH_ASSIGN_OR_RETURN(std::vector<store::CheckTimeRow> rows, store::ReadCheckTimes(records));
  for (store::CheckTimeRow& row : rows) {
    if (row.samples >= CheckTime::kSamplesMin && row.mean.count() > 0) {
      std::string host = row.host;
      measured.emplace(std::move(host), std::move(row));
    }
  }
  return measured;
}

scheduler::World BuildPlanWorld(const config::Config& config, const store::MailStore* store,
                                const MeasuredChecks& measured,
                                const PlanAssumptions& assumptions) {
  return WorldBuilder(config, store, measured, assumptions).Build();
}

}  // namespace mailhaul::app
