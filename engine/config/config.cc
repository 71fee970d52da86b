#include "engine/config/config.h"

#include <algorithm>

#include "base/text.h"
#include "engine/config/report.h"

namespace mailhaul::config {

void Apply(const PartialLimits& given, HostLimits& limits) {
  limits.connections = given.connections.value_or(limits.connections);
  limits.connections_per_mailbox =
      given.connections_per_mailbox.value_or(limits.connections_per_mailbox);
  limits.logins_per_second = given.logins_per_second.value_or(limits.logins_per_second);
  limits.bytes_per_day = given.bytes_per_day.value_or(limits.bytes_per_day);
  limits.mailbox_bytes_per_day = given.mailbox_bytes_per_day.value_or(limits.mailbox_bytes_per_day);
  limits.pop3_mailbox_bytes_per_day =
      given.pop3_mailbox_bytes_per_day.value_or(limits.pop3_mailbox_bytes_per_day);
}

std::string Config::PoolOf(const std::string& host) const {
  std::string lowered = AsciiLowered(host);
  const Providers::Profile profile = providers == nullptr ? nullptr : providers->ByServer(lowered);
  return profile == nullptr ? lowered : profile->name;
}

HostLimits Config::LimitsOf(const std::string& host, const ProviderProfile* profile) const {
  const std::string pool = PoolOf(host);
  const Providers::Profile of_pool = providers == nullptr ? nullptr : providers->ByName(pool);
  HostLimits limits = default_limits;
  if (const ProviderProfile* known = profile == nullptr ? of_pool.get() : profile) {
    Apply(known->limits, limits);
  }
  const auto own = hosts.find(pool);
  if (own != hosts.end()) {
    Apply(own->second, limits);
  }
  limits.connections_per_mailbox = std::min(limits.connections_per_mailbox, limits.connections);
  return limits;
}

std::string Problem::ToString() const {
  std::string text = EscapeForLog(file, kShownPathBytesMax);
  if (line > 0) {
    text += ":" + std::to_string(line) + ":" + std::to_string(column);
  }
  return text + (warning ? ": warning: " : ": ") + message;
}

}  // namespace mailhaul::config
