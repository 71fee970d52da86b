#include "base/random.h"

#include <sys/random.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/check.h"

namespace mailhaul {
namespace {

__extension__ using Wide = unsigned __int128;

}  // namespace

uint64_t Random::NextU64() {
  unsigned char bytes[8];
  Fill(bytes);
  uint64_t value = 0;
  std::memcpy(&value, bytes, sizeof value);
  return value;
}

uint64_t Random::Below(uint64_t bound) {
  MH_CHECK(bound > 0);
  // The high half of a 128-bit product: its bias is below bound / 2^64.
  return static_cast<uint64_t>((static_cast<Wide>(NextU64()) * bound) >> 64);
}

void SystemRandom::Fill(std::span<unsigned char> out) {
  size_t done = 0;
  while (done < out.size()) {
    const ssize_t got = getrandom(out.data() + done, out.size() - done, 0);
    if (got < 0) {
      MH_CHECK(errno == EINTR);
      continue;
    }
    done += static_cast<size_t>(got);
  }
}

uint64_t SeededRandom::Next() {
  state_ += 0x9E3779B97F4A7C15ULL;
  uint64_t z = state_;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
  return z ^ (z >> 31);
}

void SeededRandom::Fill(std::span<unsigned char> out) {
  for (size_t i = 0; i < out.size(); i += 8) {
    const uint64_t value = Next();
    std::memcpy(out.data() + i, &value, std::min<size_t>(8, out.size() - i));
  }
}

}  // namespace mailhaul
