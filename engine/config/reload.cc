#include "engine/config/reload.h"

#include <sys/stat.h>

#include <algorithm>
#include <cstring>
#include <set>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "engine/config/fingerprint.h"
#include "engine/config/load_tenants.h"
#include "engine/config/path_pattern.h"

namespace mailhaul::config {
namespace {

bool Same(const std::vector<Egress>& a, const std::vector<Egress>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const Egress& x, const Egress& y) {
    return x.address == y.address && x.connections == y.connections;
  });
}

bool Same(const std::optional<HttpTls>& a, const std::optional<HttpTls>& b) {
  return a.has_value() == b.has_value() &&
         (!a.has_value() ||
          (a->certificate == b->certificate && a->key.EqualsInConstantTime(b->key.Reveal())));
}

bool Same(const std::optional<Http>& a, const std::optional<Http>& b) {
  return a.has_value() == b.has_value() &&
         (!a.has_value() || (a->address == b->address && a->port == b->port &&
                             a->per_token_per_second == b->per_token_per_second &&
                             a->access_log == b->access_log && Same(a->tls, b->tls)));
}

bool Same(const Network& a, const Network& b) {
  return a.allow_private == b.allow_private && a.compress == b.compress && a.ca_file == b.ca_file &&
         a.connect_timeout == b.connect_timeout && a.idle_timeout == b.idle_timeout;
}

bool Same(const HostLimits& a, const HostLimits& b) {
  return a.connections == b.connections && a.connections_per_mailbox == b.connections_per_mailbox &&
         a.logins_per_second == b.logins_per_second && a.bytes_per_day == b.bytes_per_day &&
         a.mailbox_bytes_per_day == b.mailbox_bytes_per_day &&
         a.pop3_mailbox_bytes_per_day == b.pop3_mailbox_bytes_per_day;
}

// What the entries say in full, whatever they leave to the default.
bool SameHosts(const Config& a, const Config& b) {
  return Same(a.default_limits, b.default_limits) &&
         std::equal(a.hosts.begin(), a.hosts.end(), b.hosts.begin(), b.hosts.end(),
                    [&a, &b](const auto& x, const auto& y) {
                      return x.first == y.first && Same(a.LimitsOf(x.first), b.LimitsOf(y.first));
                    });
}

std::vector<std::string> ChangedKeys(const Config& before, const Config& now) {
  const std::pair<const char*, bool> keys[] = {
      {"data_dir", before.data_dir == now.data_dir},
      {"threads", before.threads == now.threads},
      {"memory_budget", before.memory_budget == now.memory_budget},
      {"master_key", before.master_key.EqualsInConstantTime(now.master_key.Reveal())},
      {"http", Same(before.http, now.http)},
      {"egress", Same(before.egress, now.egress)},
      {"hosts", SameHosts(before, now)},
      {"network", Same(before.network, now.network)},
      {"change_log", before.change_log.keep == now.change_log.keep},
      {"providers", before.providers_fingerprint == now.providers_fingerprint},
  };
  std::vector<std::string> changed;
  for (const auto& [key, same] : keys) {
    if (!same) {
      changed.emplace_back(key);
    }
  }
  return changed;
}

// What autodiscovery has found for mailboxes whose files say what they said before.
void KeepDiscovered(const TenantConfig& before, TenantConfig& now) {
  std::unordered_map<std::string_view, const MailboxConfig*> known;
  for (const MailboxConfig& mailbox : before.mailboxes) {
    known.emplace(mailbox.id, &mailbox);
  }
  for (MailboxConfig& mailbox : now.mailboxes) {
    const auto found = known.find(mailbox.id);
    if (mailbox.source.host.empty() && found != known.end() && !found->second->added &&
        found->second->fingerprint == mailbox.fingerprint) {
      mailbox = *found->second;
    }
  }
}

// With its modification in nanoseconds and its inode: also a file that is replaced within the
// granularity of its times, or by an older one, has another stamp.
void AddStamp(const std::string& path, std::vector<std::string>& out) {
  struct stat info {};
  out.push_back(path);
  if (stat(path.c_str(), &info) != 0) {
    out.emplace_back();
    return;
  }
  out.push_back(std::to_string(info.st_dev) + " " + std::to_string(info.st_ino) + " " +
                std::to_string(info.st_size) + " " + std::to_string(info.st_mtim.tv_sec) + " " +
                std::to_string(info.st_mtim.tv_nsec) + " " + std::to_string(info.st_mode));
}

// Whether the file cannot be used, or lies where nothing can be read; such folders end with "/".
bool IsRefused(const std::vector<std::string>& refused, const std::string& file) {
  return std::any_of(refused.begin(), refused.end(), [&file](const std::string& each) {
    return each == file || (each.ends_with('/') && file.starts_with(each));
  });
}

}  // namespace

Reloaded ReloadConfig(const Config& running, const TenantsInForce& in_force,
                      EnvironmentLookup environment) {
  Loaded loaded = LoadWith({.file = running.file,
                            .environment = environment,
                            .in_force = &in_force,
                            .providers = running.providers});
  Reloaded reloaded;
  reloaded.problems = std::move(loaded.problems);
  reloaded.usable = loaded.config.has_value();
  if (!reloaded.usable) {
    reloaded.tenants = in_force;
    return reloaded;
  }
  reloaded.refused = std::move(loaded.config->refused);
  reloaded.watched = std::move(loaded.config->watched);
  reloaded.needs_restart = ChangedKeys(running, *loaded.config);
  for (TenantConfig& tenant : loaded.config->tenants) {
    const auto before = in_force.find(tenant.name);
    std::shared_ptr<const TenantConfig>& kept = reloaded.tenants[tenant.name];
    if (before != in_force.end() && before->second->fingerprint == tenant.fingerprint &&
        before->second->file == tenant.file) {
      kept = before->second;
      continue;
    }
    if (before != in_force.end()) {
      KeepDiscovered(*before->second, tenant);
    }
    kept = std::make_shared<const TenantConfig>(std::move(tenant));
  }
  for (const auto& [name, tenant] : in_force) {
    if (!reloaded.refused.empty() && IsRefused(reloaded.refused, tenant->file)) {
      reloaded.tenants.emplace(name, tenant);
    }
  }
  return reloaded;
}

std::string StampOfFiles(const WatchedFiles& watched) {
  std::set<std::string> files = {watched.main};
  files.insert(watched.tables.begin(), watched.tables.end());
  for (const std::string& pattern : watched.patterns) {
    const std::vector<std::string> matches = MatchesOf(pattern, watched.main);
    files.insert(matches.begin(), matches.end());
  }
  std::vector<std::string> stamps;
  for (const std::string& file : files) {
    AddStamp(file, stamps);
  }
  return FingerprintOf(stamps);
}

}  // namespace mailhaul::config
