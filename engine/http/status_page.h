// The status page at "/": status.html of this folder, compiled in.
#pragma once

#include <string>
#include <string_view>

namespace mailhaul::http {

std::string_view StatusPageText();

// Allows what the page itself holds and requests to this server, and nothing else.
std::string StatusPagePolicy();

}  // namespace mailhaul::http
