// Limits as the main file (`hosts`) and provider profiles (`limits`) give them.
#pragma once

#include <string_view>

#include "engine/config/provider.h"
#include "engine/config/report.h"
#include "engine/config/yaml_tree.h"

namespace mailhaul::config {

// `what` names the map in the report.
PartialLimits ReadLimits(const Node& node, std::string_view what, Report& report);

}  // namespace mailhaul::config
