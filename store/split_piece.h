// A piece of a body without its base64, as it is stored. Private to compression.cc.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "store/base64_lines.h"

namespace mailhaul::store {

// What stands before the two frames of zstd: the runs and where they were.
struct SplitPiece {
  std::vector<Base64Run> runs;  // All possible, at least one.
  uint64_t rest_bytes = 0;      // Without the runs,
  uint64_t decoded_bytes = 0;   // and of all runs decoded.
  std::string_view rest_frame;  // Empty where `rest_bytes` is 0.
  std::string_view decoded_frame;
};

// No frame of zstd begins so.
bool IsSplitPiece(std::string_view piece);
// `rest_frame`: the bytes of the frame that follows; then comes the other one.
void AppendSplitHeader(const std::vector<Base64Run>& runs, uint64_t rest_frame, std::string& out);
// `size`: of what the piece holds. Views into it. kCorrupt: nothing that AppendSplitHeader() could
// have written before frames of that size, with numbers in their shortest form. Needs at most a
// tenth of `size` in memory.
Result<SplitPiece> ParseSplitPiece(std::string_view piece, uint64_t size);

}  // namespace mailhaul::store
