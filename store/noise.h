// Tells bytes that no compression makes smaller, so that none is tried. Private to compression.cc.
#pragma once

#include <cstddef>
#include <string_view>

namespace mailhaul::store {

// Of shorter ones too much would lie between the samples.
inline constexpr size_t kNoiseBytesMin = size_t{64} << 10;

// Whether samples of these bytes look like what is compressed or encrypted already: photographs,
// archives, office documents. What lies in the first or last 4 KiB, as headers and directories do,
// or between two samples (8 KiB) goes unnoticed, and so does what is repeated. False below
// kNoiseBytesMin. Any thread.
bool LooksLikeNoise(std::string_view bytes);

}  // namespace mailhaul::store
