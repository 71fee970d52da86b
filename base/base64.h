// Base64 (RFC 4648 section 4), padded, without line breaks.
#pragma once

#include <string>
#include <string_view>

namespace mailhaul {

std::string Base64Encode(std::string_view bytes);

}  // namespace mailhaul
