// The section `http` of the main file.
#pragma once

#include "engine/config/config.h"
#include "engine/config/references.h"
#include "engine/config/report.h"
#include "engine/config/yaml_tree.h"

namespace mailhaul::config {

// Reads the files of `tls` too, and checks that they are a certificate and its key.
Http ReadHttp(const Node& node, References& references, Report& report);

}  // namespace mailhaul::config
