// A large body compressed in frames, each of which can be read by itself: zstd's seekable format
// (contrib/seekable_format of zstd), without checksums. Every frame but the last holds equally many
// bytes of the body; behind them a table says how long each is. Any zstd decoder reads it whole.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/byte_source.h"
#include "base/result.h"
#include "base/status.h"

namespace mailhaul::store {

// Of a body, in one frame. zstd codes at most 128 KiB with one table anyway, so that larger frames
// gain next to nothing on mail.
inline constexpr size_t kFrameBytes = size_t{128} << 10;
inline constexpr size_t kFrameBytesMin = size_t{4} << 10;
inline constexpr size_t kFrameBytesMax = size_t{1} << 20;

// Makes the frames of one body. One thread at a time.
class FrameEncoder final {
 public:
  // kFrameBytesMin to kFrameBytesMax.
  explicit FrameEncoder(size_t frame_bytes) : frame_bytes_(frame_bytes) {}

  // Adds to `out` the frames that `part` completes. kResourceExhausted: no memory.
  Status Append(std::string_view part, std::string& out);
  // The last frame and the table. Once; nothing may follow.
  Status Finish(std::string& out);

 private:
  Status PutFrame(std::string_view bytes, std::string& out);

  const size_t frame_bytes_;
  std::string waiting_;                                // Less than a frame.
  std::vector<std::pair<uint32_t, uint32_t>> frames_;  // Bytes compressed, and of the body.
};

// The body of `size` bytes whose frames and table are `stored`. Reads the table, then a frame at a
// time, which it keeps: one frame and 4 bytes for each frame of the body are its memory. kCorrupt:
// no such body; then, or later from reads, for damaged frames.
Result<std::unique_ptr<ByteSource>> OpenFrames(std::unique_ptr<ByteSource> stored, uint64_t size);

}  // namespace mailhaul::store
