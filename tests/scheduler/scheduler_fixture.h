// What the scheduler's tests share: a scheduler with short names for its calls.
#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "scheduler/scheduler.h"

namespace mailhaul::scheduler {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

inline TimePoint At(Duration since_start) { return TimePoint{} + since_start; }
inline MailboxId Box(uint64_t number) { return MailboxId{number}; }
inline Status Failure(Code code) { return {code, "test"}; }

// Limits that never bind, for tests of something else.
inline constexpr HostLimits kWideLimits{1000, 10'000};
inline constexpr uint32_t kWideEgress = 1'000'000;

class SchedulerTest : public testing::Test {
 protected:
  SchedulerTest() : scheduler_(Options{}) { scheduler_.AddEgress("192.0.2.1", kWideEgress); }

  HostId AddHost(const HostLimits& limits, const std::string& name = "imap.example.com") {
    return scheduler_.AddHost(name, limits);
  }
  void AddBox(uint64_t box, HostId host, uint32_t tenant = 1) {
    ASSERT_TRUE(scheduler_.AddMailbox(Box(box), TenantId{tenant}, host).ok());
  }
  // Boxes first .. first + count - 1.
  void AddBoxes(uint64_t first, uint64_t count, HostId host, uint32_t tenant = 1) {
    for (uint64_t box = first; box < first + count; ++box) {
      AddBox(box, host, tenant);
    }
  }
  void Submit(uint64_t box, JobKind kind, TimePoint deadline, TimePoint not_before = TimePoint{}) {
    ASSERT_TRUE(scheduler_.Submit(Job{Box(box), kind, not_before, deadline}).ok());
  }
  // One job each for the boxes first .. first + count - 1.
  void SubmitEach(uint64_t first, uint64_t count, JobKind kind, TimePoint deadline) {
    for (uint64_t box = first; box < first + count; ++box) {
      Submit(box, kind, deadline);
    }
  }
  Grant MustTake(TimePoint now) {
    std::optional<Grant> grant = scheduler_.Take(now);
    EXPECT_TRUE(grant.has_value());
    return grant.value_or(Grant{});
  }
  std::vector<Grant> TakeAll(TimePoint now) {
    std::vector<Grant> grants;
    while (std::optional<Grant> grant = scheduler_.Take(now)) {
      grants.push_back(*grant);
    }
    return grants;
  }
  void FinishAll(const std::vector<Grant>& grants, TimePoint now, const Status& outcome) {
    for (const Grant& grant : grants) {
      scheduler_.Finish(grant, now, outcome);
    }
  }
  // The mailboxes in the order in which one connection serves them, each for no time.
  std::vector<uint64_t> ServeAll(TimePoint now) {
    std::vector<uint64_t> order;
    while (std::optional<Grant> grant = scheduler_.Take(now)) {
      order.push_back(grant->job.mailbox.value);
      scheduler_.Finish(*grant, now, Status::Ok());
    }
    return order;
  }

  Scheduler scheduler_;
};

}  // namespace mailhaul::scheduler
