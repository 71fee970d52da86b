// The box for secrets at rest that the configuration's master key opens.
#pragma once

#include <optional>

#include "engine/config/config.h"
#include "store/secret_box.h"

namespace mailhaul::app {

// None without a master key.
std::optional<store::SecretBox> BoxOf(const config::Config& config);

}  // namespace mailhaul::app
