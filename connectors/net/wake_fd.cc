#include "connectors/net/wake_fd.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdint>

#include "base/check.h"

namespace mailhaul::net {

WakeFd::WakeFd() : fd_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) { MH_CHECK(fd_ >= 0); }

WakeFd::~WakeFd() { close(fd_); }

// Both fail only where they would change nothing: as readable as it can be, or not at all.
void WakeFd::Wake() const {
  const uint64_t one = 1;
  static_cast<void>(write(fd_, &one, sizeof(one)) == sizeof(one));
}

void WakeFd::Take() const {
  uint64_t wakes = 0;
  static_cast<void>(read(fd_, &wakes, sizeof(wakes)) == sizeof(wakes));
}

}  // namespace mailhaul::net
