// How well a policy keeps what was promised, in virtual time: the figures of scheduler_quality,
// asserted in tests/scheduler/quality_test.cc.
//
// The worlds have one pool of ten connections. Sessions take one second on average, spread 50 %. Of
// every twenty mailboxes one has a freshness of 30 s, the others 5 minutes. The load is what the
// promises ask (session time over freshness, of all mailboxes) over the ten connections.
#pragma once

#include <string>
#include <vector>

#include "scheduler/world.h"
#include "scheduler/world_policy.h"

namespace mailhaul::scheduler {

struct Lateness {  // Of a check: its lag over the freshness of its mailbox; 0 in time.
  double p50 = 0;
  double p99 = 0;
  double late_share = 0;  // Of the checks.
};

struct TenantQuality {
  std::string name;
  uint32_t weight = 1;
  double share = 0;  // Of the connection time of the tenants that ask for more than they can get.
  double fair_share = 0;  // By weight, of the same.
  Lateness lateness;
};

struct Quality {
  Lateness active;
  Lateness normal;
  std::vector<TenantQuality> tenants;
  double share_error_max = 0;  // |share / fair_share - 1|, of those tenants.
};

inline constexpr const char* kSmallTenant = "small";

// Three tenants of one weight, together at this load.
World LoadedWorld(double load);
// 150 %: three tenants that each ask for more than their share, weights 1, 2 and 3, and a small one
// that asks for much less than its own.
World OverloadedWorld();
// Everything has also more to backfill than it will ever get, and the load is as given together
// with the guaranteed share of backfill: 5 % of the time.
World BackfillingWorld(double load);

Quality MeasureQuality(const World& world, WorldPolicy& policy);

}  // namespace mailhaul::scheduler
