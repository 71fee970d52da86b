#include <algorithm>
#include <boost/json.hpp>
#include <cmath>
#include <cstdio>
#include <exception>
#include <string>
#include <utility>

#include "base/text.h"
#include "base/units.h"
#include "engine/app/commands.h"
#include "engine/app/control_socket.h"
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

constexpr size_t kShownPathBytesMax = 4096;

// The running server's; null when none runs, or it does not tell.
boost::json::object AskPools(const config::Config& config) {
  const Result<std::string> answer = AskServer(config.data_dir, kPoolsQuestion);
  boost::system::error_code error;
  boost::json::value parsed;
  if (answer.ok()) {
    parsed = boost::json::parse(*answer, error);
  }
  if (answer.ok() && !error && parsed.is_object()) {
    return parsed.get_object();
  }
  if (answer.status().code() != Code::kNotFound) {
    std::fprintf(stderr, "mailhaul: the running server does not tell of its pools: %s\n",
                 answer.ok() ? "it is of another version" : answer.status().ToString().c_str());
  }
  return {{"pools", nullptr}, {"disk", nullptr}, {"configuration", nullptr}};
}

std::string TextOr(const boost::json::value& value, const char* otherwise) {
  return value.is_string() ? std::string(value.get_string()) : otherwise;
}

void PrintForPeople(const boost::json::object& pool) {
  const auto number = [&pool](const char* name) {
    return static_cast<unsigned long long>(pool.at(name).to_number<uint64_t>());
  };
  const boost::json::value& check = pool.at("kinds").at("new").at("seconds");
  const std::string check_time = check.is_null()
                                     ? "-"
                                     : FormatDuration(std::chrono::milliseconds(
                                           std::llround(check.to_number<double>() * 1000)));
  const unsigned long long limit = number("limit");
  std::printf("%-32s %-16s %7llu %7llu %7llu %5.0f%% %8llu %9s  %-20s %s\n",
              TextOr(pool.at("host"), "").c_str(), TextOr(pool.at("egress"), "-").c_str(),
              number("connections"), limit, number("configured_limit"),
              limit == 0
                  ? 0.0
                  : 100 * static_cast<double>(number("connections")) / static_cast<double>(limit),
              number("waiting"), check_time.c_str(), TextOr(pool.at("until"), "-").c_str(),
              TextOr(pool.at("cause"), "").c_str());
}

// The same.
void PrintDisk(const boost::json::object& told) {
  const boost::json::value& disk = told.at("disk");
  if (disk.is_object() && disk.at("collecting_paused").as_bool()) {
    std::printf("\nNothing is collected: the disk is full, with %s free. It goes on by itself.\n",
                disk.at("free_bytes").is_null()
                    ? "too little"
                    : FormatByteSize(disk.at("free_bytes").to_number<uint64_t>()).c_str());
  }
}

// Throws when something is not what this version tells.
void PrintPools(const boost::json::object& told) {
  const boost::json::value& pools = told.at("pools");
  if (!pools.is_array()) {
    return;
  }
  std::printf("\n%-32s %-16s %7s %7s %7s %6s %8s %9s  %-20s %s\n", "POOL", "EGRESS", "IN USE",
              "WINDOW", "MAX", "USED", "WAITING", "CHECK", "LEFT ALONE UNTIL", "WAITS FOR");
  for (const boost::json::value& pool : pools.get_array()) {
    PrintForPeople(pool.as_object());
  }
  if (const uint64_t more = told.at("pools_left_out").to_number<uint64_t>(); more > 0) {
    std::printf("... and %llu more\n", static_cast<unsigned long long>(more));
  }
}

// What of its files a running server does not follow.
void PrintConfiguration(const boost::json::object& told) {
  const boost::json::value& configuration = told.at("configuration");
  if (!configuration.is_object()) {
    return;
  }
  for (const boost::json::value& refused : configuration.at("refused").as_array()) {
    std::printf("%s: not in force: %s\n",
                EscapeForLog(TextOr(refused.at("file"), ""), kShownPathBytesMax).c_str(),
                TextOr(refused.at("problem"), "").c_str());
  }
  for (const boost::json::value& key : configuration.at("needs_restart").as_array()) {
    std::printf("the main file has changed in %s, which takes effect at the next start\n",
                TextOr(key, "").c_str());
  }
}

}  // namespace

int RunStatus(const CommandOptions& options) {
  bool clean = false;
  std::optional<config::Config> config = LoadOrExplain(options, &clean);
  if (!config.has_value()) {
    return kExitUsage;
  }
  if (options.watch) {
    return WatchStatus(options, *config);
  }
  const Result<std::unique_ptr<OpenStore>> store = OpenForReading(*config);
  if (!store.ok() && store.status().code() != Code::kNotFound) {
    return ExplainFailure(store.status());
  }
  const Status extended = store.ok() ? ExtendFrom(**store, *config) : Status::Ok();
  if (!extended.ok()) {
    return ExplainFailure(extended);
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
  boost::json::object told = AskPools(*config);
  if (options.json) {
    told["mailboxes"] = std::move(mailboxes);
    std::printf("%s\n", boost::json::serialize(told).c_str());
  } else {
    try {
      PrintPools(told);
      PrintDisk(told);
      PrintConfiguration(told);
    } catch (const std::exception&) {
      std::fputs("mailhaul: the running server tells of its pools in another way\n", stderr);
    }
  }
  return clean ? kExitDone : kExitUsage;
}

}  // namespace mailhaul::app
