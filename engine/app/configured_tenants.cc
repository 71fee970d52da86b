#include "engine/app/configured_tenants.h"

#include <utility>

namespace mailhaul::app {

config::TenantsInForce TenantsOf(const config::Config& config) {
  config::TenantsInForce tenants;
  for (const config::TenantConfig& tenant : config.tenants) {
    tenants.emplace(tenant.name,
                    std::shared_ptr<const config::TenantConfig>(std::shared_ptr<void>(), &tenant));
  }
  return tenants;
}

void ConfiguredTenants::Set(std::shared_ptr<const config::TenantConfig> tenant) {
  const std::lock_guard lock(mutex_);
  std::string name = tenant->name;
  tenants_.insert_or_assign(std::move(name), std::move(tenant));
}

void ConfiguredTenants::Remove(const std::string& tenant) {
  const std::lock_guard lock(mutex_);
  tenants_.erase(tenant);
}

std::shared_ptr<const config::TenantConfig> ConfiguredTenants::Find(
    const std::string& tenant) const {
  const std::lock_guard lock(mutex_);
  const auto found = tenants_.find(tenant);
  return found == tenants_.end() ? nullptr : found->second;
}

std::vector<std::shared_ptr<const config::TenantConfig>> ConfiguredTenants::All() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::shared_ptr<const config::TenantConfig>> all;
  for (const auto& [name, tenant] : tenants_) {
    all.push_back(tenant);
  }
  return all;
}

}  // namespace mailhaul::app
