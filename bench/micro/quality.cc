#include "bench/micro/quality.h"

#include <algorithm>
#include <cmath>

#include "scheduler/virtual_world.h"

namespace mailhaul::scheduler {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

constexpr uint32_t kConnections = 10;
constexpr uint32_t kLoginsPerSecond = 10'000;
constexpr seconds kActive{30};
constexpr seconds kNormal{300};
constexpr uint32_t kOneActiveOf = 20;
constexpr double kSession = 1;  // Seconds.
constexpr double kAskedByMailbox =
    kSession * (1.0 / kOneActiveOf / 30 + (1 - 1.0 / kOneActiveOf) / 300);

World OnePool() {
  World world;
  world.egress.push_back({"192.0.2.1", 1000});
  WorldHost host;
  host.name = "imap.example.com";
  host.limits = {kConnections, kLoginsPerSecond};
  host.times.open = std::chrono::milliseconds(500);
  host.times.check = std::chrono::milliseconds(350);
  host.times.close = std::chrono::milliseconds(150);
  host.times.spread = 0.5;
  world.hosts.push_back(host);
  return world;
}

// Mailboxes that ask for so many of the connections.
void AddTenant(World& world, const std::string& name, uint32_t weight, double connections,
               double asked_by_mailbox = kAskedByMailbox) {
  world.tenants.push_back({name, weight});
  const auto count = static_cast<uint32_t>(std::lround(connections / asked_by_mailbox));
  for (uint32_t i = 0; i < count; ++i) {
    WorldMailbox mailbox;
    mailbox.id = MailboxId{world.mailboxes.size() + 1};
    mailbox.tenant = static_cast<uint32_t>(world.tenants.size() - 1);
    mailbox.freshness = i % kOneActiveOf == 0 ? kActive : kNormal;
    world.mailboxes.push_back(mailbox);
  }
}

Lateness Summarize(std::vector<double>& values) {
  Lateness lateness;
  if (values.empty()) {
    return lateness;
  }
  std::sort(values.begin(), values.end());
  const auto at = [&values](double share) {
    const double rank = std::ceil(share * static_cast<double>(values.size()));
    return values[static_cast<size_t>(std::max(rank, 1.0)) - 1];
  };
  const auto late = values.end() - std::upper_bound(values.begin(), values.end(), 0.0);
  lateness.p50 = at(0.5);
  lateness.p99 = at(0.99);
  lateness.late_share = static_cast<double>(late) / static_cast<double>(values.size());
  return lateness;
}

class Measuring final {
 public:
  Measuring(const World& world, const VirtualWorld& run)
      : world_(world), run_(run), of_tenants_(world.tenants.size()), busy_(world.tenants.size()) {}

  Quality Make() {
    for (const VirtualWorld::Sample& sample : run_.samples()) {
      Add(sample.mailbox, sample.age_seconds);
    }
    for (uint32_t i = 0; i < world_.mailboxes.size(); ++i) {
      const VirtualWorld::Figures& figures = run_.figures(i);
      busy_[world_.mailboxes[i].tenant] += Seconds(figures.busy);
      if (figures.checks == 0) {
        Add(i, Seconds(run_.now() - figures.last_complete));
      }
    }
    Quality quality;
    quality.active = Summarize(active_);
    quality.normal = Summarize(normal_);
    AddTenants(quality);
    return quality;
  }

 private:
  static double Seconds(Duration duration) {
    return std::chrono::duration<double>(duration).count();
  }

  void Add(uint32_t index, double age) {
    const WorldMailbox& mailbox = world_.mailboxes[index];
    const double freshness = Seconds(mailbox.freshness);
    const double late = std::max(0.0, age / freshness - 1);
    (mailbox.freshness == kActive ? active_ : normal_).push_back(late);
    of_tenants_[mailbox.tenant].push_back(late);
  }

  void AddTenants(Quality& quality) {
    double time = 0;
    double weights = 0;
    for (size_t i = 0; i < world_.tenants.size(); ++i) {
      if (world_.tenants[i].name != kSmallTenant) {
        time += busy_[i];
        weights += world_.tenants[i].weight;
      }
    }
    for (size_t i = 0; i < world_.tenants.size(); ++i) {
      TenantQuality tenant;
      tenant.name = world_.tenants[i].name;
      tenant.weight = world_.tenants[i].weight;
      tenant.lateness = Summarize(of_tenants_[i]);
      if (tenant.name != kSmallTenant) {
        tenant.share = busy_[i] / time;
        tenant.fair_share = tenant.weight / weights;
        quality.share_error_max =
            std::max(quality.share_error_max, std::abs(tenant.share / tenant.fair_share - 1));
      }
      quality.tenants.push_back(tenant);
    }
  }

  const World& world_;
  const VirtualWorld& run_;
  std::vector<double> active_;
  std::vector<double> normal_;
  std::vector<std::vector<double>> of_tenants_;
  std::vector<double> busy_;
};

}  // namespace

World LoadedWorld(double load) {
  World world = OnePool();
  for (const char* name : {"acme", "beta", "gamma"}) {
    AddTenant(world, name, 1, load * kConnections / 3);
  }
  return world;
}

World OverloadedWorld() {
  World world = OnePool();
  AddTenant(world, "light", 1, 5.4);
  AddTenant(world, "medium", 2, 3.9);
  AddTenant(world, "heavy", 3, 5.6);
  AddTenant(world, kSmallTenant, 1, 0.1);
  return world;
}

World BackfillingWorld(double load) {
  World world = OnePool();
  world.tenants.clear();
  const double asked = kAskedByMailbox / (1 - 1.0 / world.options.backfill_share_inverse);
  for (const char* name : {"acme", "beta", "gamma"}) {
    AddTenant(world, name, 1, load * kConnections / 3, asked);
  }
  for (WorldMailbox& mailbox : world.mailboxes) {
    mailbox.backfill_bytes = uint64_t{1} << 40;
  }
  return world;
}

Quality MeasureQuality(const World& world, WorldPolicy& policy) {
  VirtualWorld run(world, policy);
  VirtualWorld::Bounds bounds;
  bounds.at_least = minutes(40);
  bounds.at_most = minutes(40);
  run.Run(bounds);
  run.ForgetFigures();
  bounds.at_least = bounds.at_most = minutes(120);
  run.Run(bounds);
  return Measuring(world, run).Make();
}

}  // namespace mailhaul::scheduler
