// What servers say in words when they have no code for it: texts that ask for less.
#pragma once

#include <string_view>

namespace mailhaul {

// Whether a refusal's text, in any case, asks for fewer connections, logins, commands or bytes, or
// to come back later: throttling, not a fault of the credentials or the command.
bool AsksForLess(std::string_view text);

}  // namespace mailhaul
