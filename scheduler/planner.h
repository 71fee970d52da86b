// Forecasts whether freshness will hold, by running the Scheduler over a World in virtual time, and
// searches the smallest change that makes it hold where it does not.
//
// Pure like the scheduler: equal worlds give equal forecasts. What it cannot know: outages,
// throttling, service times other than those given, and how people's use changes.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "scheduler/world.h"

namespace mailhaul::scheduler {

struct ForecastOptions {
  uint32_t warm_up_checks = 2;  // Of every mailbox, before anything is counted.
  uint32_t checks_each = 3;     // Of every mailbox, counted.
  Duration at_least = std::chrono::hours(1);
  Duration at_most = std::chrono::hours(24 * 7);
  uint64_t grants_max = 20'000'000;  // Of warm-up and count each.
};

// The lag of a check is how far past its freshness the complete check before it had become when
// this one was complete; 0 in time. A mailbox without a check counts once, with its age at the end.
struct GroupForecast {  // Mailboxes of one pool, tenant and freshness.
  uint32_t host = 0;    // Indexes into the World.
  EgressId egress = 0;
  uint32_t tenant = 0;
  Duration freshness{};
  uint32_t mailboxes = 0;
  uint64_t checks = 0;
  double checks_per_second = 0;
  Duration lag_p50{};
  Duration lag_p99{};
  Duration age_p99{};  // Like the lag, but from the complete check before: not less freshness.
  bool holds = true;   // At least 99 % of the checks were in time: lag_p99 is 0.
  uint64_t backfill_bytes = 0;  // Left at the beginning.
  // At the rate seen, and no faster than host's and mailboxes' bytes per day less what arrives
  // permit. Absent: nothing is left, or it made no progress.
  std::optional<double> backfill_days;
};

// What the promises ask of a pool, over what it can do: above 1 they cannot all hold. Without what
// held sessions save; with the guaranteed share of backfill while there is any.
struct PoolLoad {
  double connections = 0;
  double logins = 0;
  double Worst() const { return connections > logins ? connections : logins; }
};

struct PoolForecast {
  uint32_t host = 0;
  EgressId egress = 0;
  uint32_t mailboxes = 0;
  PoolLoad load;
  double busy = 0;               // Share of its connection time in use.
  double logins_per_second = 0;  // Seen.
};

struct Forecast {
  std::vector<GroupForecast> groups;  // By host, egress address, tenant, freshness.
  std::vector<PoolForecast> pools;    // By host, egress address.
  Duration observed{};                // Virtual time.
  uint64_t checks = 0;
  bool complete = true;  // False: a bound of the options came first; the figures are provisional.
  bool holds = true;     // All groups do.
};

Forecast MakeForecast(const World& world, const ForecastOptions& options);

enum class ChangeKind : uint8_t { kMoreAddresses, kLongerFreshness, kHigherLimits };

struct HostChange {
  uint32_t host = 0;
  double freshness_factor = 1;  // Of all its mailboxes.
  HostLimits limits;            // kHigherLimits: the new ones.
  // The smallest of its kind, found by bisection with this host alone. False: computed from the
  // load, because too many hosts need a change.
  bool searched = false;
};

// One way to make everything hold.
struct Change {
  ChangeKind kind = ChangeKind::kMoreAddresses;
  std::vector<HostChange> hosts;    // kLongerFreshness, kHigherLimits: those that need it.
  uint32_t more_addresses = 0;      // kMoreAddresses: beside the present ones.
  uint32_t egress_connections = 0;  // kHigherLimits: of each address; 0: as it is.
  bool verified = false;            // A forecast of the whole world with this change holds.
};

// The world after the change. Added addresses have the first one's limit.
World Apply(const World& world, const Change& change);

// The same when everything is backfilled.
World WithoutBackfill(const World& world);

// One change of each kind, in the order of ChangeKind. Empty when `forecast` (of this world) holds.
std::vector<Change> FindChanges(const World& world, const Forecast& forecast);

}  // namespace mailhaul::scheduler
