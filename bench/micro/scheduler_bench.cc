// Cost of one cycle of the scheduler: Take, Finish, Submit of the next check, at a constant number
// of mailboxes. Time is virtual and advances as fast as the jobs fall due.
#include <benchmark/benchmark.h>

#include <string>

#include "base/check.h"
#include "scheduler/scheduler.h"

namespace mailhaul::scheduler {
namespace {

using std::chrono::seconds;

constexpr HostLimits kHostLimits{1000, 10'000};
constexpr seconds kFreshness{300};

// `mailboxes` spread over `hosts` hosts and `tenants` tenants, their checks over one freshness.
void Fill(Scheduler& scheduler, uint64_t mailboxes, uint32_t hosts, uint32_t tenants) {
  scheduler.AddEgress("192.0.2.1", 1'000'000);
  for (uint32_t host = 0; host < hosts; ++host) {
    scheduler.AddHost("host" + std::to_string(host), kHostLimits);
  }
  const Duration step = Duration(kFreshness) / static_cast<int64_t>(mailboxes);
  for (uint64_t i = 1; i <= mailboxes; ++i) {
    const TenantId tenant{static_cast<uint32_t>(i % tenants)};
    MH_CHECK(scheduler.AddMailbox(MailboxId{i}, tenant, static_cast<HostId>(i % hosts)).ok());
    const TimePoint due = TimePoint{} + step * static_cast<int64_t>(i);
    MH_CHECK(
        scheduler.Submit(Job{MailboxId{i}, JobKind::kNew, due, due + Duration(kFreshness)}).ok());
  }
}

void BM_SchedulerCycle(benchmark::State& state) {
  const auto mailboxes = static_cast<uint64_t>(state.range(0));
  Scheduler scheduler{Options{}};
  Fill(scheduler, mailboxes, static_cast<uint32_t>(state.range(1)),
       static_cast<uint32_t>(state.range(2)));
  TimePoint now{};
  for (auto _ : state) {
    std::optional<Grant> grant = scheduler.Take(now);
    while (!grant.has_value()) {
      now = scheduler.NextWake(now);
      grant = scheduler.Take(now);
    }
    scheduler.Finish(*grant, now, Status::Ok());
    const TimePoint due = now + kFreshness;
    const Status queued =
        scheduler.Submit(Job{grant->job.mailbox, JobKind::kNew, due, due + Duration(kFreshness)});
    MH_CHECK(queued.ok());
  }
  state.SetItemsProcessed(state.iterations());
  state.SetLabel("mailboxes/hosts/tenants");
}
BENCHMARK(BM_SchedulerCycle)
    ->Args({1'000, 10, 10})
    ->Args({100'000, 100, 100})
    ->Args({1'000'000, 1'000, 1'000})
    ->Args({1'000'000, 10, 10'000});

// Everything due at once, as after an outage: the timers are empty, the queues are deep.
void BM_SchedulerBacklog(benchmark::State& state) {
  const auto mailboxes = static_cast<uint64_t>(state.range(0));
  Scheduler scheduler{Options{}};
  Fill(scheduler, mailboxes, 1'000, 1'000);
  const TimePoint later = TimePoint{} + 10 * Duration(kFreshness);
  int64_t cycle = 0;
  for (auto _ : state) {
    // One login window per thousand grants, so that the login limit never binds.
    const TimePoint now = later + seconds(++cycle / 1'000);
    const std::optional<Grant> grant = scheduler.Take(now);
    MH_CHECK(grant.has_value());
    scheduler.Finish(*grant, now, Status::Ok());
    const Status queued =
        scheduler.Submit(Job{grant->job.mailbox, JobKind::kNew, now, now + Duration(kFreshness)});
    MH_CHECK(queued.ok());
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_SchedulerBacklog)->Arg(1'000'000);

}  // namespace
}  // namespace mailhaul::scheduler
