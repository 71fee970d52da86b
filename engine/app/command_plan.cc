#include <cstdio>

#include "engine/app/commands.h"
#include "engine/app/exit_codes.h"
#include "engine/app/plan_report.h"
#include "engine/app/runtime.h"

namespace mailhaul::app {

int RunPlan(const CommandOptions& options) {
  bool clean = false;
  const std::optional<config::Config> config = LoadOrExplain(options, &clean);
  if (!config.has_value() || !clean) {
    return kExitUsage;
  }
  const Result<std::unique_ptr<OpenStore>> store = OpenForReading(*config);
  if (!store.ok() && store.status().code() != Code::kNotFound) {
    return ExplainFailure(store.status());
  }
  Plan plan;
  plan.assumptions = options.plan;
  plan.world = BuildPlanWorld(*config, store.ok() ? (*store)->mail.get() : nullptr, options.plan);
  plan.forecast = MakeForecast(plan.world, scheduler::ForecastOptions{});
  plan.changes = FindChanges(plan.world, plan.forecast);
  const std::string report = options.json ? PlanAsJson(plan) + "\n" : PlanAsText(plan);
  std::fputs(report.c_str(), stdout);
  return plan.holds() ? kExitDone : kExitSomeFailed;
}

}  // namespace mailhaul::app
