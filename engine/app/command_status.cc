#include <boost/json.hpp>
#include <cstdio>
#include <string>

#include "base/units.h"
#include "engine/app/commands.h"
#include "engine/app/exit_codes.h"
#include "engine/app/runtime.h"

namespace mailhaul::app {
namespace {

struct Line {
  std::string tenant;
  std::string mailbox;
  std::string address;
  store::MailboxRecord record;
  std::optional<int64_t> lag_seconds;
};

std::string StateOf(const Line& line) {
  if (!line.record.error_code.empty()) {
    return line.record.error_code == ToString(Code::kAuthFailed) ? "needs_credentials"
                                                                 : line.record.error_code;
  }
  return line.record.last_complete == WallTime{} ? "pending" : "ok";
}

Line ReadLine(const OpenStore* store, const config::TenantConfig& tenant,
              const config::MailboxConfig& mailbox) {
  Line line;
  line.tenant = tenant.name;
  line.mailbox = mailbox.id;
  line.address = mailbox.address;
  if (store == nullptr) {
    return line;
  }
  const std::optional<TenantId> tenant_id = store->mail->FindTenant(tenant.name);
  const std::optional<MailboxId> id =
      tenant_id.has_value() ? store->mail->FindMailbox(*tenant_id, mailbox.id) : std::nullopt;
  if (id.has_value()) {
    Result<store::MailboxRecord> record = store->mail->GetMailbox(*id);
    if (record.ok()) {
      line.record = std::move(record).value();
    }
  }
  if (line.record.last_complete != WallTime{}) {
    const WallTime now = store->clock.WallNow();
    const bool dormant = line.record.last_used != WallTime{} &&
                         IsDormant(tenant.freshness, line.record.last_used, now);
    const auto lag = now - line.record.last_complete -
                     (dormant ? tenant.freshness.dormant : tenant.freshness.normal);
    line.lag_seconds =
        std::max<int64_t>(0, std::chrono::duration_cast<std::chrono::seconds>(lag).count());
  }
  return line;
}

boost::json::object ToJson(const Line& line) {
  boost::json::object object{
      {"tenant", line.tenant},
      {"id", line.mailbox},
      {"address", line.address},
      {"state", StateOf(line)},
      {"messages", line.record.messages},
      {"bytes", line.record.bytes},
      {"coverage",
       {{"window", line.record.window_coverage}, {"backfill", line.record.backfill_coverage}}}};
  object["last_complete_at"] = nullptr;
  object["lag_seconds"] = nullptr;
  object["error"] = nullptr;
  if (line.lag_seconds.has_value()) {
    object["last_complete_at"] = FormatRfc3339(line.record.last_complete);
    object["lag_seconds"] = *line.lag_seconds;
  }
  if (!line.record.error_code.empty()) {
    object["error"] =
        boost::json::object{{"code", line.record.error_code}, {"detail", line.record.error_detail}};
  }
  return object;
}

void PrintForPeople(const Line& line) {
  const std::string name = line.tenant + "/" + line.mailbox;
  std::printf(
      "%-32s %-18s %10llu %12s %6.0f%% %6.0f%%  %-20s %s\n", name.c_str(), StateOf(line).c_str(),
      static_cast<unsigned long long>(line.record.messages),
      FormatByteSize(line.record.bytes).c_str(), line.record.window_coverage * 100,
      line.record.backfill_coverage * 100,
      line.lag_seconds.has_value() ? FormatRfc3339(line.record.last_complete).c_str() : "never",
      line.record.error_detail.c_str());
}

}  // namespace

int RunStatus(const CommandOptions& options) {
  bool clean = false;
  const std::optional<config::Config> config = LoadOrExplain(options, &clean);
  if (!config.has_value()) {
    return kExitUsage;
  }
  const Result<std::unique_ptr<OpenStore>> store = OpenForReading(*config);
  if (!store.ok() && store.status().code() != Code::kNotFound) {
    return ExplainFailure(store.status());
  }
  boost::json::array mailboxes;
  if (!options.json) {
    std::printf("%-32s %-18s %10s %12s %7s %7s  %-20s %s\n", "MAILBOX", "STATE", "MESSAGES", "SIZE",
                "WINDOW", "OLDER", "LAST COMPLETE", "ERROR");
  }
  for (const config::TenantConfig& tenant : config->tenants) {
    for (const config::MailboxConfig& mailbox : tenant.mailboxes) {
      const Line line = ReadLine(store.ok() ? store->get() : nullptr, tenant, mailbox);
      if (options.json) {
        mailboxes.push_back(ToJson(line));
      } else {
        PrintForPeople(line);
      }
    }
  }
  if (options.json) {
    std::printf("%s\n",
                boost::json::serialize(boost::json::object{{"mailboxes", mailboxes}}).c_str());
  }
  return clean ? kExitDone : kExitUsage;
}

}  // namespace mailhaul::app
