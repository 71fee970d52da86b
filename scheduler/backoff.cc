#include "scheduler/backoff.h"

#include <algorithm>

namespace mailhaul::scheduler {

namespace {

constexpr uint32_t kDoublingsMax = 40;  // Beyond this every sane `longest` is reached.
constexpr int64_t kSpreadParts = 4;     // The spread is one part of so many.

Duration Doubled(Duration shortest, Duration longest, uint32_t failures) {
  Duration delay = shortest;
  for (uint32_t i = 1; i < std::min(failures, kDoublingsMax) && delay < longest; ++i) {
    delay = delay > longest / 2 ? longest : delay * 2;
  }
  return std::min(delay, longest);
}

}  // namespace

uint64_t MixHash(uint64_t a, uint64_t b) {
  // The finalizer of splitmix64 over both words.
  uint64_t z = a + 0x9E3779B97F4A7C15ULL * (b + 1);
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
  return z ^ (z >> 31);
}

Duration BackoffDelay(Duration shortest, Duration longest, uint32_t failures, uint64_t seed) {
  const Duration delay = Doubled(shortest, longest, failures);
  const auto spread_max = static_cast<uint64_t>((delay / kSpreadParts).count()) + 1;
  const Duration spread(static_cast<int64_t>(MixHash(seed, failures) % spread_max));
  // At the upper end the spread goes downwards: otherwise all would meet at `longest`.
  const Duration spread_delay = delay > longest - spread ? delay - spread : delay + spread;
  return std::clamp(spread_delay, shortest, longest);
}

TimePoint After(TimePoint now, Duration delay) {
  const bool beyond = now.time_since_epoch() > Duration::zero() && delay > TimePoint::max() - now;
  return beyond ? TimePoint::max() : now + delay;
}

Duration Since(TimePoint from, TimePoint to) {
  const int64_t start = from.time_since_epoch().count();
  const int64_t end = to.time_since_epoch().count();
  if (start < 0 && end > INT64_MAX + start) {
    return Duration::max();
  }
  if (start > 0 && end < INT64_MIN + start) {
    return Duration::min();
  }
  return Duration(end - start);
}

}  // namespace mailhaul::scheduler
