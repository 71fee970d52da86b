// Reading the configuration again while a process runs.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "engine/config/config.h"

namespace mailhaul::config {

using TenantsInForce = std::map<std::string, std::shared_ptr<const TenantConfig>>;  // By name.

struct Reloaded {
  // False: the main file, or what it names, cannot be used, and nothing changes.
  bool usable = false;
  std::vector<Problem> problems;  // As LoadConfig() orders them.
  // What is to be in force. Those whose files say what they said before are the same objects; so
  // are those whose file cannot be used any more, and which therefore stay as they were.
  TenantsInForce tenants;
  std::vector<std::string> refused;        // As Config::refused.
  std::vector<std::string> needs_restart;  // Keys of the main file that differ from `running`.
  WatchedFiles watched;
};

// `running`: the main file as it was at the start. `in_force`: the tenants now; where names or
// tokens collide they go before what is new. Mailboxes that are the same keep what autodiscovery
// has found for them. Blocks on disk.
Reloaded ReloadConfig(const Config& running, const TenantsInForce& in_force,
                      EnvironmentLookup environment);

// What changes when somebody writes, adds or removes one of the watched files: two equal answers
// mean that nothing happened in between. Secrets in files of their own and profiles of providers
// are not among them. Blocks on disk; a stat for each file.
std::string StampOfFiles(const WatchedFiles& watched);

}  // namespace mailhaul::config
