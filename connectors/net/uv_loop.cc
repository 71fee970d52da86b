#include "connectors/net/uv_loop.h"

#include <uv.h>

#include <algorithm>
#include <csignal>

#include "base/check.h"
#include "connectors/net/wake_hold.h"

namespace mailhaul::net {
namespace {

// Rounds of ready coroutines between two looks at the sockets.
constexpr int kReadyRoundsMax = 16;
// libuv needs one turn to confirm closes; a leaked handle would keep it turning for ever.
constexpr int kCloseTurnsMax = 100;
constexpr std::chrono::milliseconds kTimerWaitMax = std::chrono::hours(1);

template <typename Handle>
UvLoop* Owner(Handle* handle) {
  return static_cast<UvLoop*>(handle->data);
}

template <typename Handle>
void CloseHandle(Handle& handle) {
  uv_close(reinterpret_cast<uv_handle_t*>(&handle), nullptr);
}

}  // namespace

struct UvLoop::Handles {
  uv_loop_t loop{};
  uv_poll_t wake{};
  uv_timer_t timer{};
  uv_check_t check{};
  uv_idle_t idle{};  // Active while coroutines are ready, so that polling does not block.

  static void OnWake(uv_poll_t* handle, int, int) { Owner(handle)->OnWake(); }
  static void OnTimer(uv_timer_t* handle) { Owner(handle)->OnTimer(); }
  static void OnCheck(uv_check_t* handle) { Owner(handle)->OnCheck(); }
  static void OnIdle(uv_idle_t*) {}
};

UvLoop::UvLoop() : handles_(std::make_unique<Handles>()), wake_(std::make_shared<const WakeFd>()) {
  // libuv writes with write(2): a peer that has gone must be an error, not the end of the process.
  std::signal(SIGPIPE, SIG_IGN);
  Handles& handles = *handles_;
  MH_CHECK(uv_loop_init(&handles.loop) == 0);
  MH_CHECK(uv_poll_init(&handles.loop, &handles.wake, wake_->fd()) == 0);
  MH_CHECK(uv_timer_init(&handles.loop, &handles.timer) == 0);
  MH_CHECK(uv_check_init(&handles.loop, &handles.check) == 0);
  MH_CHECK(uv_idle_init(&handles.loop, &handles.idle) == 0);
  handles.wake.data = this;
  handles.timer.data = this;
  handles.check.data = this;
  handles.idle.data = this;
  MH_CHECK(uv_check_start(&handles.check, &Handles::OnCheck) == 0);
  MH_CHECK(uv_poll_start(&handles.wake, UV_READABLE, &Handles::OnWake) == 0);
}

UvLoop::~UvLoop() { Close(); }

void UvLoop::Close() {
  if (closing_) {
    return;
  }
  const CurrentScope scope(this);
  closing_ = true;
  std::vector<std::function<void()>> unrun;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    unrun.swap(posted_);
  }
  unrun.clear();
  timers_.clear();
  CloseHandle(handles_->wake);
  CloseHandle(handles_->timer);
  CloseHandle(handles_->check);
  CloseHandle(handles_->idle);
  for (int turn = 0; turn < kCloseTurnsMax; ++turn) {
    const bool alive = uv_run(&handles_->loop, UV_RUN_NOWAIT) != 0;
    if (!RunReady() && !alive) {
      break;
    }
  }
  // Fails when a stream, listener or network of this loop still lives.
  MH_CHECK(uv_loop_close(&handles_->loop) == 0);
}

void UvLoop::Run() {
  const CurrentScope scope(this);
  uv_run(&handles_->loop, UV_RUN_DEFAULT);
}

void UvLoop::Stop() {
  std::shared_ptr<const WakeFd> wake;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    wake = wake_;
  }
  wake->Wake();
}

void UvLoop::Post(std::function<void()> work) {
  std::shared_ptr<const WakeFd> wake;
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) {
      return;
    }
    posted_.push_back(std::move(work));
    if (posted_.size() > 1) {
      return;
    }
    wake = wake_;
  }
  // Without the lock, which the woken thread wants next. The loop may have ended by now.
  WakeHold::Wake(std::move(wake));
}

void UvLoop::OnWake() {
  wake_->Take();
  std::vector<std::function<void()>> work;
  bool stopping = false;
  {
    const std::lock_guard lock(mutex_);
    work.swap(posted_);
    stopping = stopping_;
  }
  for (const auto& item : work) {
    item();
  }
  if (stopping) {
    uv_stop(&handles_->loop);
  }
}

void UvLoop::OnFirstReady() {
  if (!closing_) {
    uv_idle_start(&handles_->idle, &Handles::OnIdle);
  }
}

void UvLoop::OnCheck() {
  for (int round = 0; round < kReadyRoundsMax && RunReady(); ++round) {
  }
  if (!has_ready()) {
    uv_idle_stop(&handles_->idle);
  }
}

Loop::TimerId UvLoop::AddTimer(TimePoint when, std::function<void()> fire) {
  const TimerId id = ++last_timer_;
  const auto [it, inserted] = timers_.emplace(std::pair(when, id), std::move(fire));
  timer_times_.emplace(id, when);
  if (it == timers_.begin()) {
    ArmTimer();
  }
  return id;
}

void UvLoop::CancelTimer(TimerId id) {
  // The uv timer may fire for nothing once: cheaper than re-arming it on every cancel.
  const auto it = timer_times_.find(id);
  if (it != timer_times_.end()) {
    timers_.erase({it->second, id});
    timer_times_.erase(it);
  }
}

void UvLoop::OnTimer() {
  const TimePoint now = Now();
  const TimerId last = last_timer_;
  // A timer that is added meanwhile waits for the next turn, even when it is due already.
  while (!timers_.empty() && timers_.begin()->first.first <= now &&
         timers_.begin()->first.second <= last) {
    auto node = timers_.extract(timers_.begin());
    timer_times_.erase(node.key().second);
    node.mapped()();
  }
  ArmTimer();
}

void UvLoop::ArmTimer() {
  if (closing_ || timers_.empty()) {
    return;
  }
  // libuv counts from the start of this turn, so it may fire early; OnTimer() then arms again.
  const Duration wait = std::max(timers_.begin()->first.first - Now(), Duration::zero());
  const auto bounded = std::min<Duration>(wait, kTimerWaitMax);
  const auto millis = std::chrono::ceil<std::chrono::milliseconds>(bounded).count();
  uv_timer_start(&handles_->timer, &Handles::OnTimer, static_cast<uint64_t>(millis), 0);
}

uv_loop_s* UvLoop::raw() const { return &handles_->loop; }

}  // namespace mailhaul::net
