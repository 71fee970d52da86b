#include <csignal>
#include <cstdlib>
#include <ctime>
#include <utility>

#include "engine/app/exit_codes.h"
#include "engine/app/runtime.h"

namespace mailhaul::app {
namespace {

sigset_t WatchedSignals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  return set;
}

// Waits at most `wait` for a watched signal.
bool NextSignal(std::chrono::milliseconds wait) {
  const sigset_t set = WatchedSignals();
  timespec timeout{};
  timeout.tv_sec = wait.count() / 1000;
  timeout.tv_nsec = (wait.count() % 1000) * 1'000'000;
  return sigtimedwait(&set, nullptr, &timeout) > 0;
}

constexpr std::chrono::milliseconds kPoll(100);

}  // namespace

SignalWatcher::SignalWatcher() {
  const sigset_t set = WatchedSignals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
}

SignalWatcher::~SignalWatcher() { Unwatch(); }

void SignalWatcher::Unwatch() {
  stopping_ = true;
  if (thread_.joinable()) {
    thread_.join();
  }
}

void SignalWatcher::Watch(net::Loop& loop, Duration grace, std::function<void()> on_signal) {
  net::Loop* target = &loop;
  thread_ = std::thread(
      [this, target, grace, callback = std::move(on_signal)] { Run(*target, grace, callback); });
}

void SignalWatcher::Run(net::Loop& loop, Duration grace, const std::function<void()>& on_signal) {
  while (!NextSignal(kPoll)) {
    if (stopping_) {
      return;
    }
  }
  interrupted_ = true;
  loop.Post(on_signal);
  const SystemClock clock;
  const TimePoint end = clock.Now() + grace;
  while (!stopping_) {
    if (NextSignal(kPoll) || clock.Now() >= end) {
      std::_Exit(kExitInterrupted);  // What is acknowledged is durable; the rest is fetched again.
    }
  }
}

}  // namespace mailhaul::app
