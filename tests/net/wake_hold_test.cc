#include "connectors/net/wake_hold.h"

#include <gtest/gtest.h>
#include <poll.h>

#include <memory>

namespace mailhaul::net {
namespace {

bool IsAwake(const WakeFd& wake) {
  pollfd entry{.fd = wake.fd(), .events = POLLIN, .revents = 0};
  return poll(&entry, 1, 0) == 1;
}

TEST(WakeHoldTest, WithoutOneALoopIsWokenAtOnce) {
  const auto wake = std::make_shared<const WakeFd>();
  WakeHold::Wake(wake);
  EXPECT_TRUE(IsAwake(*wake));
}

TEST(WakeHoldTest, WakesAtTheEndOfTheOutermost) {
  const auto first = std::make_shared<const WakeFd>();
  const auto second = std::make_shared<const WakeFd>();
  {
    const WakeHold outer;
    {
      const WakeHold inner;
      WakeHold::Wake(first);
      WakeHold::Wake(second);
      WakeHold::Wake(first);
    }
    EXPECT_FALSE(IsAwake(*first) || IsAwake(*second));
  }
  EXPECT_TRUE(IsAwake(*first) && IsAwake(*second));
  first->Take();
  EXPECT_FALSE(IsAwake(*first));
  WakeHold::Wake(first);
  EXPECT_TRUE(IsAwake(*first));
}

}  // namespace
}  // namespace mailhaul::net
