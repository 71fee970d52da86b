// How other programs choose whom to check next, to be compared with the Scheduler over the same
// worlds. All of them check a mailbox no earlier than the Scheduler may, and none has more
// connections than the pool allows: what differs is the order alone.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "scheduler/login_window.h"
#include "scheduler/world_policy.h"

namespace mailhaul::scheduler {

// One pool, checks for new mail only. The order is the derived class's.
class PeerPolicy : public WorldPolicy {
 public:
  // Of a world with one host and one egress address.
  explicit PeerPolicy(const World& world);

  void Submit(const Job& job) override;
  std::optional<Grant> Take(TimePoint now) override;
  std::optional<Grant> TryContinue(const Grant&, TimePoint) override { return std::nullopt; }
  void Finish(const Grant& grant, TimePoint now) override;
  size_t Shortage(const Grant&, TimePoint) const override { return 1; }
  TimePoint NextWake(TimePoint now) const override;

 protected:
  // Mailboxes are indexes into the world.
  virtual void AddDue(uint32_t mailbox) = 0;
  virtual bool AnyDue() const = 0;
  virtual uint32_t TakeDue(TimePoint now) = 0;

  const World& world() const { return world_; }
  TimePoint last_checked(uint32_t mailbox) const { return last_checked_[mailbox]; }

 private:
  void Advance(TimePoint now);
  bool MayStart(TimePoint now) const;

  const World& world_;
  std::unordered_map<MailboxId, uint32_t> index_;
  std::vector<Job> jobs_;
  std::vector<TimePoint> last_checked_;  // Its last grant.
  std::set<std::pair<TimePoint, uint32_t>> timers_;
  LoginWindow logins_;
  uint32_t connections_ = 0;
  uint64_t tickets_ = 0;
};

struct NamedPolicy {
  std::string name;
  std::unique_ptr<WorldPolicy> (*make)(const World& world);
};

// The Scheduler first, then round robin, longest unchecked first, and the split of ten slots
// between active mailboxes and others.
std::vector<NamedPolicy> PoliciesToCompare();

}  // namespace mailhaul::scheduler
