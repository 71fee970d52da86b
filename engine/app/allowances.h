// How often each of many may do something: so many times at once, and once more after each
// interval.
//
// A token bucket for each key, kept as the time at which it is full again; what is full takes no
// memory for long. Belongs to one loop.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>

#include "base/clock.h"

namespace mailhaul::app {

class Allowances final {
 public:
  // Both > 0.
  Allowances(size_t at_once, Duration interval) : interval_(interval), burst_(interval * at_once) {}

  // Takes one. Else, and nothing is taken, how long until there is one.
  std::optional<Duration> Take(const std::string& key, TimePoint now);
  // What was taken shall not count.
  void GiveBack(const std::string& key);
  size_t size() const { return full_at_.size(); }

 private:
  const Duration interval_;
  const Duration burst_;
  std::map<std::string, TimePoint> full_at_;
  size_t drop_at_size_ = 1024;
};

}  // namespace mailhaul::app
