#include "engine/app/watch_snapshot.h"

#include <boost/json.hpp>
#include <exception>

namespace mailhaul::app {
namespace {

namespace json = boost::json;

constexpr uint64_t kSmoothMilliseconds = 10'000;
constexpr int kVersion = 1;

// All of these throw when the value is something else.
uint64_t Number(const json::object& object, const char* name) {
  return object.at(name).to_number<uint64_t>();
}

std::string Text(const json::object& object, const char* name) {
  return std::string(object.at(name).as_string());
}

std::string TextOrNothing(const json::object& object, const char* name) {
  return object.at(name).is_null() ? std::string() : Text(object, name);
}

void ReadTenants(const json::object& told, WatchSnapshot& snapshot) {
  for (const json::value& value : told.at("tenants").as_array()) {
    const json::object& tenant = value.as_object();
    snapshot.tenants.push_back({.name = Text(tenant, "name"),
                                .mailboxes = Number(tenant, "mailboxes"),
                                .pending = Number(tenant, "pending"),
                                .late = Number(tenant, "late"),
                                .trouble = Number(tenant, "trouble"),
                                .lag_seconds = Number(tenant, "lag_seconds"),
                                .checks = Number(tenant, "checks")});
  }
  snapshot.tenants_left_out = Number(told, "tenants_left_out");
}

void ReadPools(const json::object& told, WatchSnapshot& snapshot) {
  for (const json::value& value : told.at("pools").as_array()) {
    const json::object& pool = value.as_object();
    snapshot.pools.push_back({.host = Text(pool, "host"),
                              .egress = TextOrNothing(pool, "egress"),
                              .connections = Number(pool, "connections"),
                              .window = Number(pool, "limit"),
                              .window_max = Number(pool, "configured_limit"),
                              .waiting = Number(pool, "waiting"),
                              .throttles = Number(pool, "throttles"),
                              .outages = Number(pool, "outages"),
                              .blocked = pool.at("blocked").as_bool(),
                              .cause = TextOrNothing(pool, "cause"),
                              .until = TextOrNothing(pool, "until")});
  }
  snapshot.pools_left_out = Number(told, "pools_left_out");
}

void ReadTroubles(const json::object& told, WatchSnapshot& snapshot) {
  for (const json::value& value : told.at("troubles").as_array()) {
    const json::object& trouble = value.as_object();
    snapshot.troubles.push_back({.mailbox = Text(trouble, "mailbox"),
                                 .state = Text(trouble, "state"),
                                 .attempts = Number(trouble, "attempts"),
                                 .detail = Text(trouble, "detail")});
  }
  snapshot.troubles_left_out = Number(told, "troubles_left_out");
}

void ReadWarnings(const json::object& told, WatchSnapshot& snapshot) {
  const json::object& disk = told.at("disk").as_object();
  if (!disk.at("free_bytes").is_null()) {
    snapshot.disk_free_bytes = Number(disk, "free_bytes");
  }
  snapshot.collecting_paused = disk.at("collecting_paused").as_bool();
  const json::value& configuration = told.at("configuration");
  if (configuration.is_null()) {
    return;
  }
  for (const json::value& value : configuration.at("refused").as_array()) {
    const json::object& refused = value.as_object();
    snapshot.warnings.push_back(Text(refused, "file") +
                                " is not in force: " + Text(refused, "problem"));
  }
  for (const json::value& key : configuration.at("needs_restart").as_array()) {
    snapshot.warnings.push_back("the main file has changed in " + std::string(key.as_string()) +
                                ", which takes effect at the next start");
  }
}

WatchSnapshot Read(const json::object& told) {
  WatchSnapshot snapshot;
  snapshot.started = Text(told, "started");
  snapshot.at_ms = Number(told, "at_ms");
  snapshot.messages = Number(told, "messages");
  snapshot.bytes = Number(told, "bytes");
  snapshot.checks = Number(told, "checks");
  const json::object& mailboxes = told.at("mailboxes").as_object();
  snapshot.mailboxes = Number(mailboxes, "total");
  snapshot.collecting = Number(mailboxes, "collecting");
  snapshot.pending = Number(mailboxes, "pending");
  snapshot.late = Number(mailboxes, "late");
  snapshot.trouble = Number(mailboxes, "trouble");
  ReadTenants(told, snapshot);
  ReadPools(told, snapshot);
  ReadTroubles(told, snapshot);
  ReadWarnings(told, snapshot);
  return snapshot;
}

}  // namespace

Result<WatchSnapshot> ParseWatch(std::string_view answer) {
  try {
    const json::value told = json::parse(json::string_view(answer.data(), answer.size()));
    if (told.as_object().at("watch") == kVersion) {
      return Read(told.as_object());
    }
  } catch (const std::exception&) {
    // Said below.
  }
  return Status(Code::kProtocol,
                "the running server is of another version, and tells nothing that can be watched");
}

void WatchRates::Note(const WatchSnapshot& snapshot) {
  const bool goes_on =
      !samples_.empty() && started_ == snapshot.started && snapshot.at_ms > samples_.back().at_ms &&
      snapshot.messages >= samples_.back().messages && snapshot.bytes >= samples_.back().bytes &&
      snapshot.checks >= samples_.back().checks;
  if (!goes_on) {
    samples_.clear();
  }
  started_ = snapshot.started;
  samples_.push_back({.at_ms = snapshot.at_ms,
                      .messages = snapshot.messages,
                      .bytes = snapshot.bytes,
                      .checks = snapshot.checks});
  if (goes_on) {
    const Sample& before = samples_[samples_.size() - 2];
    history_.push_back(static_cast<double>(snapshot.messages - before.messages) * 1000 /
                       static_cast<double>(snapshot.at_ms - before.at_ms));
  }
  while (history_.size() > kWatchHistoryMax) {
    history_.pop_front();
  }
  while (samples_.size() > 2 && snapshot.at_ms - samples_.front().at_ms > kSmoothMilliseconds) {
    samples_.pop_front();
  }
}

std::optional<WatchRate> WatchRates::Now() const {
  if (samples_.size() < 2) {
    return std::nullopt;
  }
  const Sample& first = samples_.front();
  const Sample& last = samples_.back();
  const double seconds = static_cast<double>(last.at_ms - first.at_ms) / 1000;
  return WatchRate{.messages = static_cast<double>(last.messages - first.messages) / seconds,
                   .bytes = static_cast<double>(last.bytes - first.bytes) / seconds,
                   .checks = static_cast<double>(last.checks - first.checks) / seconds};
}

}  // namespace mailhaul::app
