// Bodies compressed with zstd (RFC 8878), each by itself.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace mailhaul::store {

// Larger bodies are not compressed: one is read whole, whatever part of it is asked for.
inline constexpr size_t kCompressibleBytesMax = size_t{2} << 20;

// None: it would not become smaller by a sixteenth, or is too large. Any thread; about 600 MB/s,
// with 0.6 MiB of working memory per thread.
std::optional<std::string> CompressBody(std::string_view body);

// `size`: of the body. kCorrupt: these are not a body's bytes.
Result<std::string> DecompressBody(std::string_view compressed, uint64_t size);

}  // namespace mailhaul::store
