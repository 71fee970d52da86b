// How many requests each token may make: so many per second, and a burst after a rest.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "base/clock.h"

namespace mailhaul::http {

// After a rest a token has this many seconds' worth of requests at once.
inline constexpr uint32_t kBurstSeconds = 5;

// A token bucket for each token, kept as the time at which it is full again. Loop thread only.
// Holds no more entries than tokens that are known have asked lately.
class TokenRates final {
 public:
  // 0: no limit. At most 1,000,000.
  explicit TokenRates(uint32_t per_second = 0) : per_second_(per_second) {}

  // Takes a request's turn. Else, and nothing is taken, how long until there is one.
  std::optional<Duration> Take(const std::string& token, TimePoint now);
  size_t size() const { return full_at_.size(); }

 private:
  void DropFull(TimePoint now);

  uint32_t per_second_;
  std::map<std::string, TimePoint> full_at_;
  size_t drop_at_size_ = 1024;
};

}  // namespace mailhaul::http
