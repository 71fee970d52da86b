#include "engine/app/upkeep.h"

#include <atomic>
#include <optional>
#include <utility>
#include <vector>

#include "base/log.h"
#include "engine/app/readers_lock.h"

namespace mailhaul::app {

namespace {

constexpr Duration kFailurePause = std::chrono::minutes(1);

}  // namespace

class Upkeep::Steps : public std::enable_shared_from_this<Upkeep::Steps> {
 public:
  Steps(const ConfiguredTenants& tenants, std::string data_dir, pipeline::Context& context)
      : tenants_(tenants), context_(context), data_dir_(std::move(data_dir)) {
    retention_due_ = context.clock.Now();
    reclaim_due_ = retention_due_ + kReclaimEvery;
  }

  void Begin() {
    if (!stopping_.load() && !running_.exchange(true)) {
      Submit();
    }
  }
  void RetentionChanged() {
    retention_changed_.store(true);
    Begin();
  }
  void Stop() { stopping_.store(true); }

 private:
  // One tenant's messages in one shard.
  struct Expiry {
    TenantId tenant;
    ShardId shard = 0;
    WallTime before{};
    std::string next;
  };

  void Submit() {
    context_.committer.Run([self = shared_from_this()] {
      if (!self->stopping_.load() && self->Step()) {
        self->Submit();
      } else {
        self->running_.store(false);
      }
    });
  }

  // True: there is more to do at once.
  bool Step() {
    if (context_.store.removals_pending() > 0 && context_.clock.Now() >= removals_due_) {
      const Result<bool> more = context_.store.ContinueRemovals();
      if (!more.ok()) {
        removals_due_ = context_.clock.Now() + kFailurePause;
        return Complain("what was removed could not be deleted yet", more.status());
      }
      reclaim_due_ = *more ? reclaim_due_ : context_.clock.Now();
      return true;
    }
    if (retention_changed_.exchange(false) || context_.clock.Now() >= retention_due_) {
      BeginRetention();
    }
    return expiries_.empty() ? Reclaim() : Expire();
  }

  void BeginRetention() {
    retention_due_ = context_.clock.Now() + kRetentionEvery;
    expiries_.clear();
    for (const std::shared_ptr<const config::TenantConfig>& each : tenants_.All()) {
      if (!each->retention.has_value()) {
        continue;
      }
      const std::optional<TenantId> tenant = context_.store.FindTenant(each->name);
      const WallTime before = context_.clock.WallNow() - *each->retention;
      for (const ShardId shard :
           tenant ? context_.store.ShardsOf(*tenant) : std::vector<ShardId>()) {
        expiries_.push_back({.tenant = *tenant, .shard = shard, .before = before, .next = ""});
      }
    }
  }

  bool Expire() {
    Expiry& expiry = expiries_.back();
    const Result<bool> more =
        context_.store.RemoveExpired(expiry.tenant, expiry.shard, expiry.before, expiry.next);
    if (!more.ok()) {
      expiries_.clear();
      return Complain("old messages could not be deleted yet", more.status());
    }
    if (!*more) {
      expiries_.pop_back();
    }
    return true;
  }

  bool Reclaim() {
    const std::optional<ReadersLock> alone = ReadersLock::TryExclude(data_dir_);
    store::MailStore::ReclaimOptions options;
    options.may_delete = alone.has_value();
    options.may_begin = context_.clock.Now() >= reclaim_due_;
    const Result<bool> more = context_.store.ReclaimBodies(options);
    if (!more.ok()) {
      reclaim_due_ = context_.clock.Now() + kReclaimEvery;
      return Complain("space of deleted messages could not be reclaimed yet", more.status());
    }
    if (options.may_begin && !*more) {
      reclaim_due_ = context_.clock.Now() + kReclaimEvery;
    }
    return *more;
  }

  bool Complain(const char* what, const Status& status) {
    // A full disk is told of by those who need it.
    if (status.code() != Code::kDiskFull) {
      LogWarning(std::string(what) + ": " + status.ToString());
    }
    return false;
  }

  const ConfiguredTenants& tenants_;
  pipeline::Context& context_;
  const std::string data_dir_;
  std::atomic<bool> running_{false};
  std::atomic<bool> stopping_{false};
  std::atomic<bool> retention_changed_{false};

  // The committer's thread only, once running.
  std::vector<Expiry> expiries_;
  TimePoint removals_due_{};  // After a failure.
  TimePoint retention_due_{};
  TimePoint reclaim_due_{};
};

Upkeep::Upkeep(const ConfiguredTenants& tenants, std::string data_dir, pipeline::Context& context,
               net::Loop& main_loop)
    : steps_(std::make_shared<Steps>(tenants, std::move(data_dir), context)), loop_(main_loop) {}

Upkeep::~Upkeep() { Stop(); }

void Upkeep::Start() {
  Kick();
  Arm();
}

void Upkeep::Kick() { steps_->Begin(); }

void Upkeep::RetentionChanged() { steps_->RetentionChanged(); }

void Upkeep::Stop() {
  steps_->Stop();
  loop_.CancelTimer(std::exchange(timer_, 0));
}

void Upkeep::Arm() {
  timer_ = loop_.AddTimer(loop_.Now() + kUpkeepEvery, [this] {
    Kick();
    Arm();
  });
}

}  // namespace mailhaul::app
