// The scheduler's figures for Prometheus.
#pragma once

#include <string>

#include "base/clock.h"
#include "engine/app/collector.h"

namespace mailhaul::app {

// So many pools and tenants are told of; the first ones.
inline constexpr size_t kMetricPoolsMax = 2000;
inline constexpr size_t kMetricTenantsMax = 2000;

// Text format 0.0.4; names and labels: docs/operations.md. Main loop only.
std::string MetricsText(const Collector& collector, TimePoint now);

}  // namespace mailhaul::app
