// The main file: one process, its limits and where its tenants are.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/config/config.h"
#include "engine/config/references.h"
#include "engine/config/report.h"

namespace mailhaul::config {

inline constexpr size_t kEgressMax = 1000;
inline constexpr size_t kHostsMax = 10'000;
inline constexpr size_t kTenantPatternsMax = 1000;

struct TenantPattern {
  std::string pattern;  // As written: a path or a glob(7), relative to the main file.
  Position position;
};

struct ParsedMain {
  Config config;  // Without tenants.
  std::vector<TenantPattern> tenants;
};

// Goes on after errors, so that tenant files can be checked too: usable only if !report.failed().
ParsedMain ParseMain(std::string_view text, References& references, Report& report);

}  // namespace mailhaul::config
