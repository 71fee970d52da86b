// Small worlds for the tests of the planner and of what it runs on.
#pragma once

#include <string>

#include "scheduler/world.h"

namespace mailhaul::scheduler {

inline double InSeconds(Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

// One address without limits and one tenant; sessions take no time but the check itself.
inline World EmptyWorld() {
  World world;
  world.tenants.push_back({"acme", 1});
  world.egress.push_back({"192.0.2.1", 1'000'000});
  return world;
}

inline uint32_t AddHost(World& world, const HostLimits& limits, Duration check, double spread = 0) {
  WorldHost host;
  host.name = "host" + std::to_string(world.hosts.size());
  host.limits = limits;
  host.times.check = check;
  host.times.spread = spread;
  world.hosts.push_back(host);
  return static_cast<uint32_t>(world.hosts.size() - 1);
}

inline void AddMailboxes(World& world, uint32_t count, uint32_t host, uint32_t tenant,
                         Duration freshness) {
  for (uint32_t i = 0; i < count; ++i) {
    WorldMailbox mailbox;
    mailbox.id = MailboxId{world.mailboxes.size() + 1};
    mailbox.host = host;
    mailbox.tenant = tenant;
    mailbox.freshness = freshness;
    world.mailboxes.push_back(mailbox);
  }
}

}  // namespace mailhaul::scheduler
