// How a refresh token that replaces the configured one is kept (sealed_secrets.h).
#pragma once

#include <string>

#include "base/secret.h"

namespace mailhaul::app {

std::string HashOfToken(const Secret& token);
// The hash of the token that was configured, then the token that replaced it.
Secret KeptToken(const Secret& configured, const Secret& now);

}  // namespace mailhaul::app
