#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "engine/app/added_mailboxes.h"
#include "engine/app/commands.h"
#include "engine/app/exit_codes.h"
#include "engine/app/runtime.h"
#include "engine/app/secrets.h"

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

Status ExtendFrom(OpenStore& store, config::Config& config) {
  const std::optional<store::SecretBox> secrets = BoxOf(config);
  MH_ASSIGN_OR_RETURN(const AddedMailboxes added,
                      ReadAddedMailboxes(*store.records, secrets.has_value() ? &*secrets : nullptr,
                                         *config.providers));
  Extend(added, config);
  return Status::Ok();
}

Status ExtendFromStore(config::Config& config) {
  const Result<std::unique_ptr<OpenStore>> store = OpenForReading(config);
  if (store.status().code() == Code::kNotFound) {
    return Status::Ok();
  }
  MH_RETURN_IF_ERROR(store.status());
  return ExtendFrom(**store, config);
}

int ExplainFailure(const Status& status) {
  std::fprintf(stderr, "mailhaul: %s\n", status.ToString().c_str());
  return status.code() == Code::kInvalidArgument ? kExitUsage : kExitStore;
}

}  // namespace mailhaul::app
