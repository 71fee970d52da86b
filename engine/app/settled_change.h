// Whether watched files have changed and come to rest: what is half written is left to its writer.
#pragma once

#include <string>
#include <utility>

namespace mailhaul::app {

class SettledChange final {
 public:
  // `stamp`: how the files look now. True: they differ from those that were taken last, and have
  // looked the same the last time; they count as taken then. The first stamps settle as any others.
  bool Look(std::string stamp) {
    if (stamp == taken_) {
      seen_.clear();
      return false;
    }
    if (stamp != seen_) {
      seen_ = std::move(stamp);
      return false;
    }
    taken_ = std::move(seen_);
    seen_.clear();
    return true;
  }
  // They were taken without waiting.
  void Take(std::string stamp) {
    taken_ = std::move(stamp);
    seen_.clear();
  }

 private:
  std::string taken_;
  std::string seen_;
};

}  // namespace mailhaul::app
