// Sizes and durations as people write them in configuration, and times as JSON shows them.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"

namespace mailhaul {

// "64MiB", "2500MB", "512": KiB/MiB/GiB/TiB are powers of 1024, kB/MB/GB/TB powers of 1000, no unit
// is bytes. Whole numbers only; no sign; refuses what does not fit 63 bits.
Result<uint64_t> ParseByteSize(std::string_view text);
// "10s", "5m", "250ms", "1h", "30d". A number without a unit is refused, except 0.
Result<std::chrono::milliseconds> ParseDuration(std::string_view text);

std::string FormatByteSize(uint64_t bytes);                      // "1.5 GiB", for people.
std::string FormatDuration(std::chrono::milliseconds duration);  // "1h 5m", "2.5s", for people.

// RFC 3339 in UTC with "Z"; milliseconds only when not zero.
std::string FormatRfc3339(WallTime time);
// Any offset is accepted and converted; the fraction is cut to milliseconds.
Result<WallTime> ParseRfc3339(std::string_view text);

}  // namespace mailhaul
