#include "connectors/net/loop.h"

namespace mailhaul::net {
namespace {

thread_local Loop* current_loop = nullptr;

}  // namespace

Loop* Loop::Current() { return current_loop; }

Loop::CurrentScope::CurrentScope(Loop* loop) : previous_(current_loop) { current_loop = loop; }
Loop::CurrentScope::~CurrentScope() { current_loop = previous_; }

void Loop::Ready(std::coroutine_handle<> handle) {
  ready_.push_back(handle);
  if (ready_.size() == 1) {
    OnFirstReady();
  }
}

bool Loop::RunReady() {
  size_t count = ready_.size();
  if (count == 0) {
    return false;
  }
  for (; count > 0; --count) {
    const std::coroutine_handle<> handle = ready_.front();
    ready_.pop_front();
    handle.resume();
  }
  if (!ready_.empty()) {
    OnFirstReady();
  }
  return true;
}

}  // namespace mailhaul::net
