#include "bench/micro/peer_policies.h"

#include <algorithm>
#include <deque>

#include "base/check.h"

namespace mailhaul::scheduler {
namespace {

// The next one in a fixed order, and round again.
class RoundRobin final : public PeerPolicy {
 public:
  using PeerPolicy::PeerPolicy;

 private:
  void AddDue(uint32_t mailbox) override { due_.insert(mailbox); }
  bool AnyDue() const override { return !due_.empty(); }
  uint32_t TakeDue(TimePoint) override {
    auto next = due_.lower_bound(cursor_);
    next = next == due_.end() ? due_.begin() : next;
    const uint32_t mailbox = *next;
    due_.erase(next);
    cursor_ = mailbox + 1;
    return mailbox;
  }

  std::set<uint32_t> due_;
  uint32_t cursor_ = 0;
};

// ORDER BY last_checked.
class LongestUncheckedFirst final : public PeerPolicy {
 public:
  using PeerPolicy::PeerPolicy;

 private:
  void AddDue(uint32_t mailbox) override { due_.emplace(last_checked(mailbox), mailbox); }
  bool AnyDue() const override { return !due_.empty(); }
  uint32_t TakeDue(TimePoint) override {
    const uint32_t mailbox = due_.begin()->second;
    due_.erase(due_.begin());
    return mailbox;
  }

  std::set<std::pair<TimePoint, uint32_t>> due_;
};

// Ten at a time are read into a queue: up to seven active ones, then others; each the longest
// unchecked first. What lies in the queue for 30 s is put back.
class SplitSlots final : public PeerPolicy {
 public:
  using PeerPolicy::PeerPolicy;

 private:
  static constexpr size_t kBatch = 10;
  static constexpr size_t kActive = 7;
  static constexpr Duration kQueueLifetime = std::chrono::seconds(30);
  static constexpr Duration kActiveFreshness = std::chrono::minutes(1);
  using Due = std::set<std::pair<TimePoint, uint32_t>>;

  void AddDue(uint32_t mailbox) override {
    const bool active = world().mailboxes[mailbox].freshness < kActiveFreshness;
    (active ? active_ : others_).emplace(last_checked(mailbox), mailbox);
  }
  bool AnyDue() const override { return !queue_.empty() || !active_.empty() || !others_.empty(); }
  uint32_t TakeDue(TimePoint now) override {
    if (queue_.empty() || now - loaded_at_ > kQueueLifetime) {
      Load(now);
    }
    const uint32_t mailbox = queue_.front();
    queue_.pop_front();
    return mailbox;
  }

  void Load(TimePoint now) {
    for (const uint32_t mailbox : queue_) {
      AddDue(mailbox);
    }
    queue_.clear();
    loaded_at_ = now;
    Move(active_, kActive);
    Move(others_, kBatch);
    Move(active_, kBatch);  // Nobody else is there.
  }

  void Move(Due& from, size_t size_max) {
    while (!from.empty() && queue_.size() < size_max) {
      queue_.push_back(from.begin()->second);
      from.erase(from.begin());
    }
  }

  Due active_;
  Due others_;
  std::deque<uint32_t> queue_;
  TimePoint loaded_at_{};
};

template <typename Policy>
std::unique_ptr<WorldPolicy> Make(const World& world) {
  return std::make_unique<Policy>(world);
}

}  // namespace

PeerPolicy::PeerPolicy(const World& world)
    : world_(world),
      jobs_(world.mailboxes.size()),
      last_checked_(world.mailboxes.size()),
      logins_(world.hosts.at(0).limits.logins_per_second) {
  MH_CHECK(world.hosts.size() == 1 && world.egress.size() == 1);
  for (uint32_t i = 0; i < world.mailboxes.size(); ++i) {
    index_.emplace(world.mailboxes[i].id, i);
  }
}

void PeerPolicy::Submit(const Job& job) {
  MH_CHECK(job.kind == JobKind::kNew);
  const uint32_t mailbox = index_.at(job.mailbox);
  jobs_[mailbox] = job;
  timers_.emplace(job.not_before, mailbox);
}

void PeerPolicy::Advance(TimePoint now) {
  while (!timers_.empty() && timers_.begin()->first <= now) {
    AddDue(timers_.begin()->second);
    timers_.erase(timers_.begin());
  }
}

bool PeerPolicy::MayStart(TimePoint now) const {
  return connections_ < world_.hosts[0].limits.connections && logins_.OpenAt() <= now;
}

std::optional<Grant> PeerPolicy::Take(TimePoint now) {
  Advance(now);
  if (!AnyDue() || !MayStart(now)) {
    return std::nullopt;
  }
  const uint32_t mailbox = TakeDue(now);
  ++connections_;
  logins_.Record(now);
  last_checked_[mailbox] = now;
  Grant grant;
  grant.job = jobs_[mailbox];
  grant.ticket = ++tickets_;
  return grant;
}

void PeerPolicy::Finish(const Grant&, TimePoint) { --connections_; }

TimePoint PeerPolicy::NextWake(TimePoint now) const {
  const TimePoint timer = timers_.empty() ? TimePoint::max() : timers_.begin()->first;
  const bool waits_for_login = AnyDue() && connections_ < world_.hosts[0].limits.connections;
  return waits_for_login ? std::min(timer, std::max(now, logins_.OpenAt())) : timer;
}

std::vector<NamedPolicy> PoliciesToCompare() {
  return {{"mailhaul", &Make<SchedulerPolicy>},
          {"round robin", &Make<RoundRobin>},
          {"longest unchecked first", &Make<LongestUncheckedFirst>},
          {"75/25 split of 10 slots", &Make<SplitSlots>}};
}

}  // namespace mailhaul::scheduler
