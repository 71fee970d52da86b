// Tells a body that was damaged where it lies from a whole one, at a tenth of what its SHA-256
// takes. Who a body is, its SHA-256 says.
#pragma once

#include <cstdint>
#include <string_view>

namespace mailhaul::store {

// XXH3 with 64 bits, of bytes as they lie in a segment. Any thread; some 10 GB/s.
uint64_t ComputeBodyCheck(std::string_view stored);

}  // namespace mailhaul::store
