// Bodies compressed with zstd (RFC 8878), each by itself; large ones in frames (framed_body.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/status.h"

namespace mailhaul::store {

// Larger bodies are compressed in frames: one of these is read whole, whatever part is asked for.
inline constexpr size_t kCompressibleBytesMax = size_t{2} << 20;

// None: it would not become smaller by a sixteenth, or is too large. Any thread; about 600 MB/s,
// with 0.6 MiB of working memory per thread.
std::optional<std::string> CompressBody(std::string_view body);

// `size`: of the body. kCorrupt: these are not a body's bytes.
Result<std::string> DecompressBody(std::string_view compressed, uint64_t size);

// One frame, whether it becomes smaller or not. kResourceExhausted: no memory. Any thread.
Status AppendFrame(std::string_view bytes, std::string& out);
size_t FrameBound(size_t bytes);  // The most that a frame of so many bytes takes.
// Fills `out`, which has the size of the frame's contents. kCorrupt: it is not of that size.
Status DecompressFrame(std::string_view compressed, std::string& out);
// Whether a body that begins like this is worth compressing.
bool BecomesSmaller(std::string_view sample);

}  // namespace mailhaul::store
