#include <algorithm>
#include <cstdio>
#include <utility>

#include "engine/app/commands.h"
#include "engine/app/exit_codes.h"
#include "engine/app/plan_report.h"
#include "engine/app/runtime.h"

namespace mailhaul::app {
namespace {

Plan MakePlan(scheduler::World world, MeasuredChecks measured, const PlanAssumptions& assumptions) {
  const scheduler::ForecastOptions forecast_options;
  Plan plan;
  plan.assumptions = assumptions;
  plan.measured = std::move(measured);
  plan.world = std::move(world);
  plan.forecast = MakeForecast(plan.world, forecast_options);
  plan.changes = FindChanges(plan.world, plan.forecast);
  const bool backfills =
      std::any_of(plan.forecast.groups.begin(), plan.forecast.groups.end(),
                  [](const scheduler::GroupForecast& group) { return group.backfill_bytes > 0; });
  if (!plan.forecast.holds && backfills) {
    plan.holds_without_backfill = MakeForecast(WithoutBackfill(plan.world), forecast_options).holds;
  }
  return plan;
}

}  // namespace

int RunPlan(const CommandOptions& options) {
  bool clean = false;
  std::optional<config::Config> config = LoadOrExplain(options, &clean);
  if (!config.has_value() || !clean) {
    return kExitUsage;
  }
  const Result<std::unique_ptr<OpenStore>> store = OpenForReading(*config);
  if (!store.ok() && store.status().code() != Code::kNotFound) {
    return ExplainFailure(store.status());
  }
  Result<MeasuredChecks> measured = MeasuredChecks();
  if (store.ok()) {
    const Status extended = ExtendFrom(**store, *config);
    if (!extended.ok()) {
      return ExplainFailure(extended);
    }
    measured = ReadMeasuredChecks(*(*store)->records, options.plan);
    if (!measured.ok()) {
      return ExplainFailure(measured.status());
    }
  }
  scheduler::World world =
      BuildPlanWorld(*config, store.ok() ? (*store)->mail.get() : nullptr, *measured, options.plan);
  const Plan plan = MakePlan(std::move(world), std::move(measured).value(), options.plan);
  const std::string report = options.json ? PlanAsJson(plan) + "\n" : PlanAsText(plan);
  std::fputs(report.c_str(), stdout);
  return plan.holds() ? kExitDone : kExitSomeFailed;
}

}  // namespace mailhaul::app
