// The main file: one process, its limits and where its tenants are.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/config/config.h"
#include "engine/config/path_pattern.h"
#include "engine/config/references.h"
#include "engine/config/report.h"

namespace mailhaul::config {

inline constexpr size_t kEgressMax = 1000;
inline constexpr size_t kHostsMax = 10'000;
inline constexpr size_t kPatternsMax = 1000;

struct HostEntry {
  std::string host;  // Canonical: "default", a host or the name of a profile.
  Position position;
  Position limits_position;
  PartialLimits limits;
};

struct ParsedMain {
  Config config;  // Without tenants, providers and hosts.
  std::vector<PathPattern> tenants;
  std::vector<PathPattern> providers;
  std::vector<HostEntry> hosts;
};

// Goes on after errors, so that tenant files can be checked too: usable only if !report.failed().
ParsedMain ParseMain(std::string_view text, References& references, Report& report);

// Fills `hosts` of the configuration, whose providers are there by now: they decide which hosts
// are one.
void FinishHosts(ParsedMain& parsed, Report& report);

}  // namespace mailhaul::config
