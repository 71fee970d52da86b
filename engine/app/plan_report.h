// The answer of `mailhaul plan`, for programs and for people. docs/operations.md documents both.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "engine/app/plan_world.h"
#include "scheduler/planner.h"

namespace mailhaul::app {

struct Plan {
  scheduler::World world;
  scheduler::Forecast forecast;
  std::vector<scheduler::Change> changes;
  // Whether freshness holds once everything is backfilled. Absent: it holds before, or nothing is
  // left to backfill.
  std::optional<bool> holds_without_backfill;
  PlanAssumptions assumptions;
  MeasuredChecks measured;

  bool holds() const { return forecast.holds && forecast.complete; }
};

std::string PlanAsJson(const Plan& plan);
// A line per pool, tenant and freshness, those that do not hold first, the rest cut at kRowsMax;
// then the changes and the assumptions.
inline constexpr size_t kPlanRowsMax = 50;
std::string PlanAsText(const Plan& plan);

}  // namespace mailhaul::app
