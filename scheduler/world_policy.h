// Who decides in a virtual world. Production's answer is SchedulerPolicy; the benches compare it
// with what other programs do.
#pragma once

#include <cstddef>
#include <optional>

#include "scheduler/scheduler.h"
#include "scheduler/world.h"

namespace mailhaul::scheduler {

// The calls mean what those of the same names of Scheduler mean. `now` never goes back.
class WorldPolicy {
 public:
  virtual ~WorldPolicy() = default;

  virtual void Submit(const Job& job) = 0;
  virtual std::optional<Grant> Take(TimePoint now) = 0;
  virtual std::optional<Grant> TryContinue(const Grant& grant, TimePoint now) = 0;
  virtual void Finish(const Grant& grant, TimePoint now) = 0;
  virtual size_t Shortage(const Grant& grant, TimePoint now) const = 0;
  virtual TimePoint NextWake(TimePoint now) const = 0;
};

// The Scheduler itself, with the tenants, hosts, addresses and mailboxes of a world. Host and
// egress ids are indexes into the world.
class SchedulerPolicy final : public WorldPolicy {
 public:
  explicit SchedulerPolicy(const World& world);

  void Submit(const Job& job) override;
  std::optional<Grant> Take(TimePoint now) override;
  std::optional<Grant> TryContinue(const Grant& grant, TimePoint now) override;
  void Finish(const Grant& grant, TimePoint now) override;
  size_t Shortage(const Grant& grant, TimePoint now) const override;
  TimePoint NextWake(TimePoint now) const override;

 private:
  Scheduler scheduler_;
};

}  // namespace mailhaul::scheduler
