// zlib for short texts.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"

namespace mailhaul::search {

// kResourceExhausted: no memory.
Result<std::string> Deflate(std::string_view text);
// kCorrupt: not what Deflate() made, or of more than `bytes_max` bytes of text.
Result<std::string> Inflate(std::string_view packed, size_t bytes_max);

}  // namespace mailhaul::search
