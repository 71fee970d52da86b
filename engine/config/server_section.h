// The sections `source` and `submission` of a mailbox.
#pragma once

#include "engine/config/config.h"
#include "engine/config/references.h"
#include "engine/config/yaml_tree.h"

namespace mailhaul::config {

// Where mail is collected from. `address` is the default of the user name.
Server ReadSource(const Node& node, const std::string& address, References& references,
                  Report& report);

// Where mail is sent through. User name and password default to those of `source`.
Server ReadSubmission(const Node& node, const Server& source, References& references,
                      Report& report);

}  // namespace mailhaul::config
