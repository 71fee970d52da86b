#include "connectors/net/wake_hold.h"

#include <utility>

namespace mailhaul::net {
namespace {

thread_local WakeHold* innermost = nullptr;

}  // namespace

WakeHold::WakeHold() : outer_(std::exchange(innermost, this)) {}

WakeHold::~WakeHold() {
  innermost = outer_;
  for (std::shared_ptr<const WakeFd>& wake : held_) {
    Wake(std::move(wake));
  }
}

void WakeHold::Wake(std::shared_ptr<const WakeFd> wake) {
  if (innermost != nullptr) {
    innermost->held_.push_back(std::move(wake));
  } else {
    wake->Wake();
  }
}

}  // namespace mailhaul::net
