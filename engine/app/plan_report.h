// The answer of `mailhaul plan`, for programs and for people. docs/operations.md documents both.
#pragma once

#include <cstdio>
#include <string>
#include <vector>

#include "engine/app/plan_world.h"
#include "scheduler/planner.h"

namespace mailhaul::app {

struct Plan {
  scheduler::World world;
  scheduler::Forecast forecast;
  std::vector<scheduler::Change> changes;
  PlanAssumptions assumptions;

  bool holds() const { return forecast.holds && forecast.complete; }
};

std::string PlanAsJson(const Plan& plan);
// A line per pool, tenant and freshness, those that do not hold first, the rest cut at kRowsMax;
// then the changes and the assumptions.
inline constexpr size_t kPlanRowsMax = 50;
std::string PlanAsText(const Plan& plan);

}  // namespace mailhaul::app
