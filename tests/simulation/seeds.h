// How many seeds a simulation runs with, and from which one on.
#pragma once

#include <cstdint>
#include <cstdlib>

namespace mailhaul::simulation {

inline uint64_t FromEnvironment(const char* name, uint64_t fallback) {
  const char* text = std::getenv(name);
  return text == nullptr ? fallback : std::strtoull(text, nullptr, 10);
}

struct Seeds {
  uint64_t first = FromEnvironment("MAILHAUL_SEED", 1);
  uint64_t count = FromEnvironment("MAILHAUL_SEEDS", 200);
};

}  // namespace mailhaul::simulation
