#include <cstdio>
#include <utility>

#include "engine/app/commands.h"
#include "engine/app/exit_codes.h"

namespace mailhaul::app {

int RunCheck(const CommandOptions& options) {
  bool clean = false;
  std::optional<config::Config> config = LoadOrExplain(options, &clean);
  if (!config.has_value() || !clean) {
    return kExitUsage;
  }
  size_t mailboxes = 0;
  for (const config::TenantConfig& tenant : config->tenants) {
    mailboxes += tenant.mailboxes.size();
  }
  if (options.online) {
    return CheckOnline(options, std::move(*config));
  }
  std::printf("%s: %zu tenants, %zu mailboxes, no problems\n", options.config_file.c_str(),
              config->tenants.size(), mailboxes);
  return kExitDone;
}

}  // namespace mailhaul::app
