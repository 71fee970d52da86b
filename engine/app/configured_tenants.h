// The tenants of the configuration as it is now, for whoever is not told when it changes.
//
// Thread-safe.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "engine/config/config.h"
#include "engine/config/reload.h"

namespace mailhaul::app {

// Those that the process started with. Not owned: `config` outlives them.
config::TenantsInForce TenantsOf(const config::Config& config);

class ConfiguredTenants final {
 public:
  explicit ConfiguredTenants(const config::Config& config) : tenants_(TenantsOf(config)) {}

  // Called before the store hears of what is new in it: what is configured is never removed.
  void Set(std::shared_ptr<const config::TenantConfig> tenant);
  void Remove(const std::string& tenant);

  std::shared_ptr<const config::TenantConfig> Find(const std::string& tenant) const;  // Or null.
  std::vector<std::shared_ptr<const config::TenantConfig>> All() const;               // By name.

 private:
  mutable std::mutex mutex_;
  config::TenantsInForce tenants_;  // Guarded by mutex_.
};

}  // namespace mailhaul::app
