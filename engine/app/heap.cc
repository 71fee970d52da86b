#include "engine/app/heap.h"

#include <malloc.h>

namespace mailhaul::app {
namespace {

constexpr int kMappedBytesMin = 4 << 20;
constexpr int kKeptBytesMax = 16 << 20;

}  // namespace

void KeepFreedMemory() {
  // Said explicitly, neither grows with use as the defaults do. Refused, things are as before.
  static_cast<void>(mallopt(M_MMAP_THRESHOLD, kMappedBytesMin));
  static_cast<void>(mallopt(M_TRIM_THRESHOLD, kKeptBytesMax));
}

}  // namespace mailhaul::app
