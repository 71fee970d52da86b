// Bodies compressed, each by itself: small ones whole, large ones in frames (framed_body.h). What
// is compressed at once is a piece. Base64 in it is decoded first (base64_lines.h), where that
// makes it smaller. README.md draws both forms of a piece.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/raw_buffer.h"
#include "base/result.h"
#include "base/status.h"

namespace mailhaul::store {

// Larger bodies are compressed in frames: one of these is read whole, whatever part is asked for.
inline constexpr size_t kCompressibleBytesMax = size_t{2} << 20;

// None: it would not become smaller by a sixteenth, or is too large. Any thread; about 500 MB/s of
// text, 1 GB/s of base64. Takes up to four times the memory of the body meanwhile, without it;
// a thread keeps 2.3 MiB.
std::optional<std::string> CompressBody(std::string_view body);

// `size`: of the body. kCorrupt: these are not a body's bytes. Any thread, which keeps 0.5 MiB.
Result<RawBuffer> DecompressBody(std::string_view compressed, uint64_t size);

// One piece, whether it becomes smaller or not. kResourceExhausted: no memory; then `out` is as it
// was. Any thread.
Status AppendPiece(std::string_view bytes, std::string& out);
size_t PieceBound(size_t bytes);  // The most that a piece of so many bytes takes.
// Fills `out`, which has the size of what the piece holds. kCorrupt: it is not of that size.
Status ReadPiece(std::string_view piece, std::span<char> out);
// Whether a body that begins like this is worth compressing.
bool BecomesSmaller(std::string_view sample);

}  // namespace mailhaul::store
