// What `mailhaul plan` runs in virtual time: the configured mailboxes, hosts and limits, what the
// store knows of them, and assumptions for the rest.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "engine/config/config.h"
#include "scheduler/world.h"
#include "store/check_time.h"
#include "store/mail_store.h"

namespace mailhaul::app {

struct PlanAssumptions {
  double active_share = 0.05;  // Of each tenant's mailboxes; 0..1.
  std::chrono::milliseconds round_trip{50};
  // How long a check that finds nothing holds a connection, from dialling to its close. Absent:
  // as measured, or else computed from the round trip.
  std::optional<std::chrono::milliseconds> check_time;
  double spread = 0.5;              // Of it, unless measured: standard deviation over mean; 0..1.
  uint64_t messages_per_day = 40;   // Each mailbox gets.
  uint64_t message_bytes = 75'000;  // Of a mailbox of which nothing is stored.
  uint64_t bytes_per_second = 1'000'000;   // Of one connection; > 0.
  uint64_t mailbox_bytes = 1'000'000'000;  // Its age beyond the window, where nothing is stored.

  // `check_time`, or what it is computed to be for this server.
  std::chrono::milliseconds CheckTimeOf(config::SecurityMode security) const;
};

// By host, as a pool is called: those that may be relied on.
using MeasuredChecks = std::map<std::string, store::CheckTimeRow, std::less<>>;
// What serve and collect left in the store. Empty when the assumptions name a check time. Blocks on
// disk; kCorrupt.
Result<MeasuredChecks> ReadMeasuredChecks(store::KeyValueStore& records,
                                          const PlanAssumptions& assumptions);

// `store` may be null: then no mailbox has been collected yet. The hosts are the pools in use.
scheduler::World BuildPlanWorld(const config::Config& config, const store::MailStore* store,
                                const MeasuredChecks& measured, const PlanAssumptions& assumptions);

}  // namespace mailhaul::app
