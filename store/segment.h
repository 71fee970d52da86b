// The bytes of a segment file: one block of file header, then bodies, each behind a header.
// README.md draws it. All numbers are big-endian.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "store/blob_store.h"

namespace mailhaul::store {

// magic (4), zero or the compressed size (4), size (8), SHA-256 (32); or of that hash the first 24
// bytes, and the check of the stored bytes (8).
inline constexpr size_t kBodyHeaderBytes = 48;
inline constexpr size_t kHashBytesOfChecked = 24;

// "0000002a.seg"
std::string SegmentName(uint32_t segment);
// 0 when `name` is not of a segment.
uint32_t ParseSegmentName(std::string_view name);

std::string SegmentFileHeader(uint32_t segment);  // One block.
// `check`: ComputeBodyCheck() of the bytes that follow. Without one: as formats up to 4 wrote it.
std::string BodyHeader(uint64_t size, const Sha256& sha256, std::optional<uint64_t> check);
std::string CompressedBodyHeader(uint32_t compressed, uint64_t size, const Sha256& sha256,
                                 std::optional<uint64_t> check);
// Of a body in frames (framed_body.h). `compressed`: of all frames and their table.
std::string FramedBodyHeader(uint32_t compressed, uint64_t size, const Sha256& sha256);
// A body that arrives in parts, as it is: its hash is known at the end only, and stands in a
// trailer. If its size is too, or it comes in frames, the header says kBodySizeUnknown until it is
// written again: such a body is not whole.
inline constexpr uint64_t kBodySizeUnknown = UINT64_MAX;
std::string StreamedBodyHeader(uint64_t size);
std::string StreamedBodyTrailer(uint64_t size, const Sha256& sha256);
struct ParsedBodyHeader {
  uint64_t size = 0;                   // Of the message.
  std::optional<uint32_t> compressed;  // Of its bytes in the segment, where they are compressed.
  bool framed = false;                 // They are, in frames.
  std::optional<uint64_t> check;       // Of its bytes in the segment.
};
// kCorrupt when these are not the bytes of a header.
Result<ParsedBodyHeader> ParseBodyHeader(std::string_view header);

}  // namespace mailhaul::store
