#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "engine/app/commands.h"
#include "engine/app/exit_codes.h"

namespace mailhaul::app {

const char* Environment(const char* name) {
  return std::getenv(name);
}  // NOLINT(concurrency-mt-unsafe)

std::optional<config::Config> LoadOrExplain(const CommandOptions& options, bool* clean) {
  config::Loaded loaded = config::LoadConfig(options.config_file, &Environment);
  for (const config::Problem& problem : loaded.problems) {
    std::fprintf(stderr, "%s\n", problem.ToString().c_str());
  }
  *clean = std::all_of(loaded.problems.begin(), loaded.problems.end(),
                       [](const config::Problem& problem) { return problem.warning; });
  return std::move(loaded.config);
}

int ExplainFailure(const Status& status) {
  std::fprintf(stderr, "mailhaul: %s\n", status.ToString().c_str());
  return status.code() == Code::kInvalidArgument ? kExitUsage : kExitStore;
}

}  // namespace mailhaul::app
