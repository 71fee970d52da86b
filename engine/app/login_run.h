// One batch run that logs in to every mailbox of a configuration and collects nothing: `check
// --online` and `verify --online` without a running server.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "base/result.h"
#include "engine/app/inspector.h"
#include "engine/app/runtime.h"
#include "engine/config/config.h"

namespace mailhaul::app {

// By "tenant/id"; kCancelled: interrupted before its turn came.
using LoginOutcomes = std::map<std::string, Status>;

// Within the limits of hosts and addresses. What the run itself needs of a store is forgotten
// afterwards; refresh tokens that a server replaces and the time of the last login go into
// `kept`, unless null. `inspect` makes the one who looks into each mailbox, on the runtime's loops;
// null: folders are listed, and no more. Blocks; `signals` end it early.
Result<LoginOutcomes> LogInEverywhere(
    const config::Config& config, OpenStore* kept, SignalWatcher& signals,
    const std::function<std::unique_ptr<Inspector>(Runtime& runtime)>& inspect);

}  // namespace mailhaul::app
