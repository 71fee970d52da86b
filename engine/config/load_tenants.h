// Loading, at the start and again later: what LoadConfig() and ReloadConfig() have in common.
#pragma once

#include <memory>
#include <set>
#include <string>

#include "engine/config/config.h"
#include "engine/config/references.h"
#include "engine/config/reload.h"

namespace mailhaul::config {

struct LoadRequest {
  std::string file;
  EnvironmentLookup environment = nullptr;
  // Of a reload. Their files are read first, so that names and tokens stay where they are, and the
  // tenant of a file that cannot be used keeps its own.
  const TenantsInForce* in_force = nullptr;
  std::shared_ptr<const Providers> providers = nullptr;  // Null: those of the main file.
};

Loaded LoadWith(const LoadRequest& request);

// Fills tenants, refused and tables of `loaded`, whose configuration is there, though perhaps not
// usable: then its tenants are only checked.
void LoadTenants(const LoadRequest& request, const std::set<std::string>& files,
                 References& references, Loaded& loaded);

}  // namespace mailhaul::config
