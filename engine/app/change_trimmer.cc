#include "engine/app/change_trimmer.h"

#include <utility>

#include "base/log.h"

namespace mailhaul::app {

ChangeTrimmer::ChangeTrimmer(net::Loop& loop, pipeline::Committer& committer,
                             store::MailStore& store, const Clock& clock,
                             std::chrono::milliseconds keep,
                             std::function<std::optional<uint64_t>(TenantId, ShardId)> read_to)
    : loop_(loop),
      committer_(committer),
      store_(store),
      clock_(clock),
      keep_(keep),
      read_to_(std::move(read_to)) {}

void ChangeTrimmer::Start() { BeginRound(); }

void ChangeTrimmer::Close() {
  {
    const std::lock_guard lock(mutex_);
    if (std::exchange(closed_, true)) {
      return;
    }
    read_to_ = nullptr;
  }
  if (timer_ != 0) {
    loop_.CancelTimer(timer_);
  }
}

void ChangeTrimmer::BeginRound() {
  timer_ = 0;
  shards_ = store_.Shards();
  SubmitStep();
}

void ChangeTrimmer::SubmitStep() {
  if (shards_.empty()) {
    timer_ = loop_.AddTimer(loop_.Now() + kTrimRoundTime, [this] { BeginRound(); });
    return;
  }
  committer_.Run([self = shared_from_this(), shard = shards_.back()] { self->Step(shard); });
}

void ChangeTrimmer::Step(ShardId shard) {
  store::ChangeTrim trim;
  trim.now = clock_.WallNow();
  trim.keep = keep_;
  {
    const std::lock_guard lock(mutex_);
    if (closed_) {
      return;
    }
    if (read_to_) {
      // Asked anew for each tenant, since it may be closed meanwhile: then everything is held.
      trim.read_to = [this](TenantId tenant, ShardId of) -> std::optional<uint64_t> {
        const std::lock_guard asking(mutex_);
        return read_to_ ? read_to_(tenant, of) : 0;
      };
    }
  }
  const Result<bool> more = store_.TrimChanges(shard, trim);
  const std::lock_guard lock(mutex_);
  if (!closed_) {
    loop_.Post([self = shared_from_this(), more] { self->StepEnded(more); });
  }
}

void ChangeTrimmer::StepEnded(const Result<bool>& more) {
  {
    const std::lock_guard lock(mutex_);
    if (closed_) {
      return;
    }
  }
  if (!more.ok()) {
    LogWarning("cannot drop old changes of shard " + std::to_string(shards_.back()) +
               ", trying again later: " + more.status().ToString());
    shards_.clear();  // What hinders it is likely to hinder it everywhere.
  } else if (!*more) {
    shards_.pop_back();
  }
  SubmitStep();
}

}  // namespace mailhaul::app
