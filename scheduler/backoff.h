// How long to leave alone what failed.
#pragma once

#include <cstdint>

#include "base/clock.h"

namespace mailhaul::scheduler {

// `shortest` after the first failure, doubled with each one more, at most `longest`; spread over a
// quarter by a hash of `seed` and `failures`, so that what failed together does not return together
// and equal runs stay equal. Never below `shortest` (> 0) nor above `longest` (>= shortest).
Duration BackoffDelay(Duration shortest, Duration longest, uint32_t failures, uint64_t seed);

// A fixed mixing of two words: the same on every machine.
uint64_t MixHash(uint64_t a, uint64_t b);

// now + delay without overflow.
TimePoint After(TimePoint now, Duration delay);
// to - from without overflow.
Duration Since(TimePoint from, TimePoint to);

}  // namespace mailhaul::scheduler
