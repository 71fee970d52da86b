#include "engine/app/heap.h"

#include <malloc.h>

#include <algorithm>
#include <thread>

namespace mailhaul::app {
namespace {

constexpr int kMappedBytesMin = 4 << 20;
constexpr int kKeptBytesMax = 16 << 20;
constexpr unsigned kArenasMin = 4;

}  // namespace

void KeepFreedMemory() {
  // Said explicitly, neither grows with use as the defaults do. Refused, things are as before.
  static_cast<void>(mallopt(M_MMAP_THRESHOLD, kMappedBytesMin));
  static_cast<void>(mallopt(M_TRIM_THRESHOLD, kKeptBytesMax));
  const unsigned arenas = std::max(kArenasMin, 2 * std::thread::hardware_concurrency());
  static_cast<void>(mallopt(M_ARENA_MAX, static_cast<int>(arenas)));
}

}  // namespace mailhaul::app
