// The provider profiles in force: those compiled in, and those of the main file's `providers`.
#pragma once

#include <memory>
#include <vector>

#include "engine/config/config.h"
#include "engine/config/path_pattern.h"
#include "engine/config/provider.h"
#include "engine/config/references.h"

namespace mailhaul::config {

// The profiles compiled in alone.
Providers LoadBuiltinProviders();

// A pattern means files, or folders whose files *.yaml are meant. A profile of theirs replaces the
// one compiled in of the same name, and takes domains, suffixes and hosts from others; among
// themselves they must not compete. An error in a profile is as grave as one in the main file:
// limits would be missed. `report` is the main file's; problems of the others go to `problems`.
std::shared_ptr<const Providers> LoadProviders(const std::vector<PathPattern>& patterns,
                                               References& references, Report& report,
                                               std::vector<Problem>& problems);

}  // namespace mailhaul::config
