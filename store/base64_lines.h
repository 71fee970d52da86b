// Base64 found in bytes and taken out of them, without regard to what they mean, so that exactly
// the same bytes can be made again: attachments are a quarter smaller, and compressed as what they
// are.
//
// A run is lines of base64 (RFC 4648, 4) of one length, a multiple of 4, with one kind of line end
// between them. The last may be shorter; only there may be padding, whose bits are zero. A run of
// one line has any length. What follows from its decoded bytes and the length of its lines is all
// of it, so that nothing else need be kept. The line end behind its last line is not of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/raw_buffer.h"

namespace mailhaul::store {

// Shorter runs would save little, and may be something else.
inline constexpr size_t kRunDigitsMin = 256;

struct Base64Run {
  uint32_t before = 0;   // Bytes between the run before this one, or the beginning, and it.
  uint32_t decoded = 0;  // Bytes that it stands for.
  uint32_t line = 0;     // Characters of a line. Of the run, if that is a single one.
  bool crlf = false;     // Between lines; else LF. False for a single one.
  friend bool operator==(const Base64Run&, const Base64Run&) = default;
};

// Bytes in two parts: all that the runs are, decoded, and the rest.
struct SplitBytes {
  std::vector<Base64Run> runs;
  std::string rest;
  std::string_view decoded;  // In `room`.
  RawBuffer room;
};

// `bytes`: at most 2^31. Empty `runs`: then `rest` and `decoded` are empty, too. `room` is used if
// it suffices: one that is in the processor's cache still is faster. Any thread; some GB/s.
SplitBytes SplitBase64(std::string_view bytes, RawBuffer room = {});

// Whether it may come from SplitBase64(): kRunDigitsMin, a possible length of lines, and only one
// way to say the same.
bool IsPossibleRun(const Base64Run& run);
// Of the run where it came from, line ends included. It is possible.
uint64_t EncodedBytes(const Base64Run& run);
// The bytes that were split. `rest` and `decoded` are exactly what `runs`, all of them possible,
// ask for; `out` is as large as they need. Any thread; some GB/s.
void JoinBase64(const std::vector<Base64Run>& runs, std::string_view rest, std::string_view decoded,
                std::span<char> out);

}  // namespace mailhaul::store
