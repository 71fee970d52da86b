// The section `oauth2` of a source or submission.
#pragma once

#include <string>

#include "engine/config/config.h"
#include "engine/config/references.h"
#include "engine/config/yaml_tree.h"

namespace mailhaul::config {

// `token_url`: the provider's, or "" when it must be given. Returns whether `out` was set.
bool ReadOAuth2(const Node& node, const std::string& token_url, References& references,
                Report& report, OAuth2& out);

}  // namespace mailhaul::config
