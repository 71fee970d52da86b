// Cost of a forecast: an hour of virtual time, every mailbox checked each four minutes or so.
#include <benchmark/benchmark.h>

#include <string>

#include "scheduler/planner.h"

namespace mailhaul::scheduler {
namespace {

constexpr uint32_t kMailboxesOfHost = 1'000;

World WorldOf(uint32_t mailboxes) {
  World world;
  world.egress = {{"192.0.2.1", 100'000}, {"192.0.2.2", 100'000}};
  world.tenants = {{"acme", 1}, {"beta", 2}};
  for (uint32_t i = 0; i < mailboxes; ++i) {
    if (i % kMailboxesOfHost == 0) {
      WorldHost host;
      host.name = "host" + std::to_string(i);
      host.times.open = std::chrono::milliseconds(500);
      host.times.check = std::chrono::milliseconds(300);
      host.times.spread = 0.5;
      world.hosts.push_back(host);
    }
    WorldMailbox mailbox;
    mailbox.id = MailboxId{uint64_t{i} + 1};
    mailbox.tenant = i % 2;
    mailbox.host = static_cast<uint32_t>(world.hosts.size() - 1);
    world.mailboxes.push_back(mailbox);
  }
  return world;
}

void BM_Forecast(benchmark::State& state) {
  const World world = WorldOf(static_cast<uint32_t>(state.range(0)));
  int64_t checks = 0;
  for (auto _ : state) {
    const Forecast forecast = MakeForecast(world, ForecastOptions{});
    checks += static_cast<int64_t>(forecast.checks);
  }
  state.SetItemsProcessed(checks);
  state.SetLabel("mailboxes; items are checks");
}
BENCHMARK(BM_Forecast)->Arg(1'000)->Arg(10'000)->Arg(100'000)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace mailhaul::scheduler
