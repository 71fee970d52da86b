// Passwords and tokens, given in place or by reference. No message quotes what was found.
#pragma once

#include <string_view>

#include "base/secret.h"
#include "engine/config/config.h"
#include "engine/config/references.h"
#include "engine/config/yaml_tree.h"

namespace mailhaul::config {

inline constexpr size_t kSecretBytesMax = 4096;
inline constexpr size_t kScopesMax = 3;

// {env: NAME}, {file: PATH} or the text itself. `what` names it in the report: "password". Returns
// whether `out` was set.
bool ReadSecret(const Node& node, std::string_view what, References& references, Report& report,
                Secret& out);
bool ReadPassword(const Node& node, References& references, Report& report, Secret& out);

// As ReadSecret(): 64 hexadecimal digits, of which `out` gets the bytes.
bool ReadMasterKey(const Node& node, References& references, Report& report, Secret& out);

// {sha256: HEX}, {env: NAME} or {file: PATH}, and scopes. Returns whether `out` was set.
bool ReadToken(const Node& node, References& references, Report& report, Token& out);

}  // namespace mailhaul::config
