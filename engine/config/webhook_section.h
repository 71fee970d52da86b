// A tenant's `webhooks`.
#pragma once

#include <vector>

#include "engine/config/config.h"
#include "engine/config/references.h"
#include "engine/config/report.h"
#include "engine/config/yaml_tree.h"

namespace mailhaul::config {

inline constexpr size_t kWebhooksMax = 10;  // Of one tenant.

void ReadWebhooks(const Node& node, References& references, Report& report,
                  std::vector<WebhookConfig>& out);

}  // namespace mailhaul::config
