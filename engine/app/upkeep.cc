#include "engine/app/upkeep.h"

#include <atomic>
#include <utility>

#include "base/log.h"

namespace mailhaul::app {

struct Upkeep::Shared : std::enable_shared_from_this<Shared> {
  explicit Shared(pipeline::Context& with) : context(with) {}

  void Begin() {
    if (!stopping.load() && !running.exchange(true)) {
      Submit();
    }
  }
  void Submit() {
    context.committer.Run([self = shared_from_this()] { self->Step(); });
  }
  void Step() {
    if (!stopping.load()) {
      const Result<bool> more = context.store.ContinueRemovals();
      if (more.ok() && *more) {
        Submit();
        return;
      }
      if (!more.ok()) {
        LogWarning("what was removed could not be deleted yet: " + more.status().ToString());
      }
    }
    running.store(false);
  }

  pipeline::Context& context;
  std::atomic<bool> running{false};
  std::atomic<bool> stopping{false};
};

Upkeep::Upkeep(pipeline::Context& context, net::Loop& main_loop)
    : shared_(std::make_shared<Shared>(context)), loop_(main_loop) {}

Upkeep::~Upkeep() { Stop(); }

void Upkeep::Start() {
  Kick();
  Arm();
}

void Upkeep::Kick() {
  if (shared_->context.store.removals_pending() > 0) {
    shared_->Begin();
  }
}

void Upkeep::Stop() {
  shared_->stopping.store(true);
  loop_.CancelTimer(std::exchange(timer_, 0));
}

void Upkeep::Arm() {
  timer_ = loop_.AddTimer(loop_.Now() + kUpkeepEvery, [this] {
    Kick();
    Arm();
  });
}

}  // namespace mailhaul::app
