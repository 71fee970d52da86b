// One wake-up for all that a thread posts to a loop.
//
// A loop that is woken at each Post() may push the posting thread off its processor at each: two
// switches for every item. While a WakeHold lives, what its thread posts waits for its end, as does
// what others post to these loops meanwhile. So it lives for moments, and waits for no loop.
#pragma once

#include <memory>
#include <vector>

#include "connectors/net/wake_fd.h"

namespace mailhaul::net {

// On the stack of one thread; may be nested.
class WakeHold final {
 public:
  WakeHold();
  ~WakeHold();  // Wakes them.
  WakeHold(const WakeHold&) = delete;
  WakeHold& operator=(const WakeHold&) = delete;

  // Now, or at the end of the calling thread's innermost hold.
  static void Wake(std::shared_ptr<const WakeFd> wake);

 private:
  WakeHold* const outer_;
  std::vector<std::shared_ptr<const WakeFd>> held_;
};

}  // namespace mailhaul::net
