#include "scheduler/planner.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <string>

namespace mailhaul::scheduler {
namespace {

constexpr size_t kHostsSearched = 20;  // The most loaded; the others' changes are computed.
constexpr uint64_t kAddressesMax = 4096;
constexpr uint64_t kPercentMax = 1'000'000;
constexpr uint64_t kLimitMax = 1'000'000;
constexpr double kMargin = 1.1;             // Of what is computed and not searched.
constexpr uint64_t kChecksEnough = 20'000;  // For a p99 during the search.
constexpr uint64_t kChecksEachMax = 5;
constexpr int kWidenings = 4;  // Of a change that does not do for the whole world.

using Holds = std::function<bool(uint64_t)>;

// The least value that holds, to one or 2 %, or 0. `failing` does not hold; `guess` may be where it
// begins to.
uint64_t SmallestThatHolds(uint64_t failing, uint64_t guess, uint64_t most, const Holds& holds) {
  uint64_t good = std::max(guess, failing + 1);
  while (!holds(good)) {
    failing = good;
    if (good >= most) {
      return 0;
    }
    good = std::min(most, std::max(good + 1, good * 5 / 4));
  }
  while (good - failing > std::max<uint64_t>(1, good / 50)) {
    const uint64_t middle = failing + (good - failing) / 2;
    (holds(middle) ? good : failing) = middle;
  }
  return good;
}

uint64_t RoundUp(double value) { return static_cast<uint64_t>(std::ceil(value - 1e-9)); }

World OnlyHost(const World& world, uint32_t host) {
  World part = world;
  std::erase_if(part.mailboxes,
                [host](const WorldMailbox& mailbox) { return mailbox.host != host; });
  return part;
}

bool HoldsInVirtualTime(const World& world) {
  const uint64_t mailboxes = std::max<uint64_t>(world.mailboxes.size(), 1);
  ForecastOptions options;
  options.at_least = Duration::zero();
  options.checks_each =
      static_cast<uint32_t>(std::clamp<uint64_t>(kChecksEnough / mailboxes, 2, kChecksEachMax));
  const Forecast forecast = MakeForecast(world, options);
  return forecast.complete && forecast.holds;
}

struct FailingHost {
  uint32_t host = 0;
  PoolLoad load;  // The worst of its pools.
};

std::vector<FailingHost> FailingHosts(const Forecast& forecast) {
  std::map<uint32_t, FailingHost> failing;
  for (const GroupForecast& group : forecast.groups) {
    if (!group.holds) {
      failing[group.host].host = group.host;
    }
  }
  std::vector<FailingHost> found;
  for (const PoolForecast& pool : forecast.pools) {
    const auto it = failing.find(pool.host);
    if (it != failing.end()) {
      PoolLoad& load = it->second.load;
      load.connections = std::max(load.connections, pool.load.connections);
      load.logins = std::max(load.logins, pool.load.logins);
    }
  }
  for (const auto& [id, host] : failing) {
    found.push_back(host);
  }
  std::stable_sort(found.begin(), found.end(), [](const FailingHost& a, const FailingHost& b) {
    return a.load.Worst() > b.load.Worst();
  });
  return found;
}

class HostSearch final {
 public:
  HostSearch(const World& world, const FailingHost& host)
      : world_(OnlyHost(world, host.host)), host_(host) {}

  // Alone it holds as it is: what it lacks, others take.
  bool HoldsAlone() const { return HoldsInVirtualTime(world_); }

  uint64_t MoreAddresses() const {
    const auto have = static_cast<double>(world_.egress.size());
    const auto guess = RoundUp(have * std::max(host_.load.Worst() - 1, 0.0));
    const uint64_t most = std::min<uint64_t>(kAddressesMax, world_.mailboxes.size());
    return SmallestThatHolds(0, guess, most, [this](uint64_t count) {
      Change change;
      change.kind = ChangeKind::kMoreAddresses;
      change.more_addresses = static_cast<uint32_t>(count);
      return HoldsInVirtualTime(Apply(world_, change));
    });
  }

  uint64_t FreshnessPercent() const {
    return SmallestThatHolds(100, RoundUp(100 * host_.load.Worst()), kPercentMax,
                             [this](uint64_t percent) {
                               HostChange change = Unchanged();
                               change.freshness_factor = static_cast<double>(percent) / 100;
                               return HoldsWith(ChangeKind::kLongerFreshness, change);
                             });
  }

  // First the limit that binds alone, then both.
  std::optional<HostLimits> Limits() const {
    const HostLimits& now = world_.hosts[host_.host].limits;
    HostLimits wide = now;
    wide.connections = Enough(now.connections, host_.load.connections);
    if (HoldsWithLimits(wide)) {
      wide.connections = LeastConnections(wide);
      return wide;
    }
    wide.logins_per_second = Enough(now.logins_per_second, host_.load.logins);
    HostLimits logins_only = now;
    logins_only.logins_per_second = wide.logins_per_second;
    if (HoldsWithLimits(logins_only)) {
      logins_only.logins_per_second = LeastLogins(logins_only);
      return logins_only;
    }
    if (!HoldsWithLimits(wide)) {
      return std::nullopt;
    }
    wide.connections = LeastConnections(wide);
    wide.logins_per_second = LeastLogins(wide);
    return wide;
  }

 private:
  HostChange Unchanged() const {
    HostChange change;
    change.host = host_.host;
    change.limits = world_.hosts[host_.host].limits;
    return change;
  }

  bool HoldsWith(ChangeKind kind, const HostChange& host) const {
    Change change;
    change.kind = kind;
    change.hosts.push_back(host);
    return HoldsInVirtualTime(Apply(world_, change));
  }

  bool HoldsWithLimits(const HostLimits& limits) const {
    HostChange change = Unchanged();
    change.limits = limits;
    return HoldsWith(ChangeKind::kHigherLimits, change);
  }

  static uint32_t Enough(uint32_t limit, double load) {
    return static_cast<uint32_t>(std::min<uint64_t>(kLimitMax, RoundUp(limit * (load + 1) * 2)));
  }

  // With the other limits as in `limits`.
  uint32_t LeastConnections(HostLimits limits) const {
    const uint32_t now = world_.hosts[host_.host].limits.connections;
    return Least(now, host_.load.connections, [&](uint32_t connections) {
      limits.connections = connections;
      return HoldsWithLimits(limits);
    });
  }

  uint32_t LeastLogins(HostLimits limits) const {
    const uint32_t now = world_.hosts[host_.host].limits.logins_per_second;
    return Least(now, host_.load.logins, [&](uint32_t logins) {
      limits.logins_per_second = logins;
      return HoldsWithLimits(limits);
    });
  }

  static uint32_t Least(uint32_t failing, double load, const Holds& holds) {
    const uint64_t least = SmallestThatHolds(failing, RoundUp(failing * load), kLimitMax, holds);
    return least == 0 ? Enough(failing, load) : static_cast<uint32_t>(least);
  }

  World world_;
  FailingHost host_;
};

// The connections that the promises keep busy, over what an egress address may have.
double EgressLoad(const World& world, const Forecast& forecast) {
  std::vector<double> busy(world.egress.size());
  for (const PoolForecast& pool : forecast.pools) {
    busy[pool.egress] += pool.load.connections * world.hosts[pool.host].limits.connections;
  }
  double worst = 0;
  for (size_t i = 0; i < busy.size(); ++i) {
    worst = std::max(worst, busy[i] / world.egress[i].connections);
  }
  return worst;
}

class ChangeSearch final {
 public:
  ChangeSearch(const World& world, const Forecast& forecast)
      : world_(world), egress_load_(EgressLoad(world, forecast)) {
    addresses_.kind = ChangeKind::kMoreAddresses;
    freshness_.kind = ChangeKind::kLongerFreshness;
    limits_.kind = ChangeKind::kHigherLimits;
    const std::vector<FailingHost> failing = FailingHosts(forecast);
    for (size_t i = 0; i < failing.size(); ++i) {
      if (i < kHostsSearched) {
        SearchHost(failing[i]);
      } else {
        ComputeHost(failing[i].host, std::max(failing[i].load.Worst(), 1.0) * kMargin);
      }
    }
  }

  std::vector<Change> Verified() {
    std::vector<Change> changes{addresses_, freshness_, limits_};
    for (Change& change : changes) {
      for (int i = 0; i < kWidenings && !change.verified; ++i) {
        if (i > 0) {
          Widen(change);
        }
        change.verified = HoldsInVirtualTime(Apply(world_, change));
      }
    }
    return changes;
  }

 private:
  void SearchHost(const FailingHost& failing) {
    const HostSearch search(world_, failing);
    if (search.HoldsAlone()) {
      ComputeHost(failing.host, std::max(egress_load_, 1.0) * kMargin);
      limits_.hosts.pop_back();
      limits_.egress_connections = static_cast<uint32_t>(
          RoundUp(world_.egress.front().connections * std::max(egress_load_, 1.0) * kMargin));
      return;
    }
    HostChange change;
    change.host = failing.host;
    change.limits = world_.hosts[failing.host].limits;
    change.searched = true;
    addresses_.more_addresses =
        std::max(addresses_.more_addresses, static_cast<uint32_t>(search.MoreAddresses()));
    freshness_.hosts.push_back(change);
    freshness_.hosts.back().freshness_factor =
        static_cast<double>(std::max<uint64_t>(search.FreshnessPercent(), 100)) / 100;
    limits_.hosts.push_back(change);
    limits_.hosts.back().limits = search.Limits().value_or(change.limits);
  }

  void ComputeHost(uint32_t host, double factor) {
    HostChange change;
    change.host = host;
    change.limits = world_.hosts[host].limits;
    const auto have = static_cast<double>(world_.egress.size());
    addresses_.more_addresses =
        std::max(addresses_.more_addresses, static_cast<uint32_t>(RoundUp(have * (factor - 1))));
    limits_.hosts.push_back(Scaled(change, factor));
    change.freshness_factor = factor;
    freshness_.hosts.push_back(change);
  }

  static HostChange Scaled(HostChange change, double factor) {
    const auto scale = [factor](uint32_t limit) {
      return static_cast<uint32_t>(std::min<uint64_t>(kLimitMax, RoundUp(limit * factor)));
    };
    change.limits.connections = scale(change.limits.connections);
    change.limits.logins_per_second = scale(change.limits.logins_per_second);
    return change;
  }

  void Widen(Change& change) const {
    switch (change.kind) {
      case ChangeKind::kMoreAddresses:
        change.more_addresses += 1 + change.more_addresses / 4;
        return;
      case ChangeKind::kLongerFreshness:
        for (HostChange& host : change.hosts) {
          host.freshness_factor = std::ceil(host.freshness_factor * kMargin * 100) / 100;
        }
        return;
      case ChangeKind::kHigherLimits:
        if (egress_load_ > 1 || change.egress_connections > 0) {
          const uint32_t now =
              std::max(change.egress_connections, world_.egress.front().connections);
          change.egress_connections = static_cast<uint32_t>(
              std::min<uint64_t>(kLimitMax, RoundUp(now * std::max(egress_load_, 1.0) * kMargin)));
        }
        for (HostChange& host : change.hosts) {
          host = Scaled(host, kMargin);
        }
        return;
    }
  }

  const World& world_;
  const double egress_load_;
  Change addresses_;
  Change freshness_;
  Change limits_;
};

}  // namespace

World Apply(const World& world, const Change& change) {
  World changed = world;
  for (uint32_t i = 0; i < change.more_addresses; ++i) {
    changed.egress.push_back({"added-" + std::to_string(i + 1), world.egress.front().connections});
  }
  if (change.egress_connections > 0) {
    for (WorldEgress& egress : changed.egress) {
      egress.connections = std::max(egress.connections, change.egress_connections);
    }
  }
  std::vector<double> factors(world.hosts.size(), 1.0);
  for (const HostChange& host : change.hosts) {
    factors[host.host] = host.freshness_factor;
    if (change.kind == ChangeKind::kHigherLimits) {
      changed.hosts[host.host].limits = host.limits;
    }
  }
  for (WorldMailbox& mailbox : changed.mailboxes) {
    mailbox.freshness = Duration(static_cast<Duration::rep>(
        static_cast<double>(mailbox.freshness.count()) * factors[mailbox.host]));
  }
  return changed;
}

World WithoutBackfill(const World& world) {
  World changed = world;
  for (WorldMailbox& mailbox : changed.mailboxes) {
    mailbox.backfill_bytes = 0;
  }
  return changed;
}

std::vector<Change> FindChanges(const World& world, const Forecast& forecast) {
  return forecast.holds ? std::vector<Change>() : ChangeSearch(world, forecast).Verified();
}

}  // namespace mailhaul::scheduler
