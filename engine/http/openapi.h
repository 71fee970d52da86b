// The description that /openapi.json serves: openapi.json of this folder, compiled in.
#pragma once

#include <string_view>

namespace mailhaul::http {

std::string_view OpenApiText();

}  // namespace mailhaul::http
