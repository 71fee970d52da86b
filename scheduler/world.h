// A description of mailboxes, hosts and limits, complete enough to run the scheduler over it in
// virtual time: what the planner and the benches start from. Plain data.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "scheduler/scheduler.h"

namespace mailhaul::scheduler {

// How long one connection takes. Each duration is drawn anew every time: mean * (1 - spread) plus
// an exponentially distributed part of mean * spread, so `spread` is standard deviation over mean.
struct ServiceTimes {
  Duration open{};                        // Mean, from dialling to logged in.
  Duration check{};                       // Mean of a check that finds nothing.
  Duration close{};                       // Mean, until the server's end is confirmed.
  double spread = 0;                      // 0..1; 0: always the mean.
  uint64_t bytes_per_second = 1'000'000;  // Of one connection; > 0.
  Duration Session() const { return open + check + close; }
};

struct WorldTenant {
  std::string name;
  uint32_t weight = 1;  // 1 .. Scheduler::kWeightMax.
};

struct WorldHost {
  std::string name;  // Unique.
  HostLimits limits;
  ServiceTimes times;
};

struct WorldEgress {
  std::string address;  // Unique.
  uint32_t connections = 500;
};

struct WorldMailbox {
  MailboxId id;                                  // Unique, not 0: decides its egress address.
  uint32_t tenant = 0;                           // Index into World::tenants.
  uint32_t host = 0;                             // Index into World::hosts.
  Duration freshness = std::chrono::minutes(5);  // > 0.
  bool held = false;               // Its session stays open between checks while nobody needs it.
  Duration login_interval{};       // No login sooner after the last one.
  uint64_t new_bytes_per_day = 0;  // Arrives.
  uint64_t backfill_bytes = 0;     // Not fetched yet.
  uint64_t bytes_per_day = 0;      // What may be fetched from it; 0: no limit.
};

struct World {
  std::vector<WorldTenant> tenants;
  std::vector<WorldHost> hosts;
  std::vector<WorldEgress> egress;  // At least one.
  std::vector<WorldMailbox> mailboxes;
  Options options;
  uint64_t seed = 1;  // Of service times and of where in its rhythm each mailbox starts.
};

}  // namespace mailhaul::scheduler
