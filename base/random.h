// Randomness as an injected dependency: the operating system's in production, a seed in tests.
#pragma once

#include <cstdint>
#include <span>

namespace mailhaul {

class Random {
 public:
  virtual ~Random() = default;
  virtual void Fill(std::span<unsigned char> out) = 0;
  uint64_t NextU64();
  // Uniform in [0, bound); bound > 0.
  uint64_t Below(uint64_t bound);
  // True with probability numerator / denominator.
  bool Chance(uint64_t numerator, uint64_t denominator) { return Below(denominator) < numerator; }
};

// getrandom(2). Thread-safe.
class SystemRandom final : public Random {
 public:
  void Fill(std::span<unsigned char> out) override;
};

// splitmix64 from a seed: equal seeds give equal sequences on every machine. Not thread-safe.
class SeededRandom final : public Random {
 public:
  explicit SeededRandom(uint64_t seed) : state_(seed) {}
  void Fill(std::span<unsigned char> out) override;

 private:
  uint64_t Next();
  uint64_t state_;
};

}  // namespace mailhaul
