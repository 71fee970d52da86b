#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <ctime>
#include <utility>

#include "engine/app/exit_codes.h"
#include "engine/app/runtime.h"

namespace mailhaul::app {
namespace {

sigset_t WatchedSignals(bool hangup) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  if (hangup) {
    sigaddset(&set, SIGHUP);
  }
  return set;
}

// Waits at most `wait` for a watched signal; 0: none came, or one by which Unwatch() wakes.
int NextSignal(bool hangup, std::chrono::milliseconds wait) {
  const sigset_t set = WatchedSignals(hangup);
  timespec timeout{};
  timeout.tv_sec = wait.count() / 1000;
  timeout.tv_nsec = (wait.count() % 1000) * 1'000'000;
  siginfo_t info{};
  const int signal = sigtimedwait(&set, &info, &timeout);
  return signal < 0 || info.si_pid == getpid() ? 0 : signal;
}

constexpr std::chrono::milliseconds kPoll(100);

}  // namespace

SignalWatcher::SignalWatcher(bool hangup) : hangup_(hangup) {
  const sigset_t set = WatchedSignals(hangup);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
}

SignalWatcher::~SignalWatcher() { Unwatch(); }

void SignalWatcher::Unwatch() {
  stopping_ = true;
  if (thread_.joinable()) {
    pthread_kill(thread_.native_handle(), SIGINT);
    thread_.join();
  }
}

void SignalWatcher::Watch(net::Loop& loop, Duration grace, std::function<void()> on_signal,
                          std::function<void()> on_hangup) {
  net::Loop* target = &loop;
  thread_ = std::thread([this, target, grace, callback = std::move(on_signal),
                         again = std::move(on_hangup)] { Run(*target, grace, callback, again); });
}

void SignalWatcher::Run(net::Loop& loop, Duration grace, const std::function<void()>& on_signal,
                        const std::function<void()>& on_hangup) {
  while (true) {
    const int signal = NextSignal(hangup_, kPoll);
    if (signal != 0 && signal != SIGHUP) {
      break;
    }
    if (signal == SIGHUP && on_hangup) {
      loop.Post(on_hangup);
    }
    if (stopping_) {
      return;
    }
  }
  interrupted_ = true;
  loop.Post(on_signal);
  const SystemClock clock;
  const TimePoint end = clock.Now() + grace;
  while (!stopping_) {
    const int signal = NextSignal(hangup_, kPoll);
    if ((signal != 0 && signal != SIGHUP) || clock.Now() >= end) {
      std::_Exit(kExitInterrupted);  // What is acknowledged is durable; the rest is fetched again.
    }
  }
}

}  // namespace mailhaul::app
