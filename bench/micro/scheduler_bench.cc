// Cost of the scheduler's cycle - Take, Finish, Submit of the next check - and its memory, at a
// constant number of mailboxes spread at random over hosts, egress addresses and tenants. Time is
// virtual and advances as fast as the jobs fall due; some thousands of grants are out at any time.
#include <benchmark/benchmark.h>
#include <malloc.h>

#include <cstdlib>
#include <deque>
#include <memory>
#include <new>
#include <string>

#include "base/check.h"
#include "base/random.h"
#include "scheduler/scheduler.h"

namespace {

uint64_t live_bytes = 0;  // What the allocator has given out, its rounding included.

}  // namespace

void* operator new(size_t size) {
  void* const memory = std::malloc(size);
  MH_CHECK(memory != nullptr);
  live_bytes += malloc_usable_size(memory);
  return memory;
}
// Of what is aligned the pages that it can touch: the rest of its block is address space only.
static size_t PagesOf(size_t size) {
  constexpr size_t kPage = 4096;
  return (size + kPage - 1) / kPage * kPage;
}
void* operator new(size_t size, std::align_val_t alignment) {
  const auto to = static_cast<size_t>(alignment);
  void* const memory = std::aligned_alloc(to, (size + to - 1) / to * to);
  MH_CHECK(memory != nullptr);
  live_bytes += PagesOf(size);
  return memory;
}
void operator delete(void* memory) noexcept {
  live_bytes -= memory == nullptr ? 0 : malloc_usable_size(memory);
  std::free(memory);
}
void operator delete(void* memory, size_t) noexcept { operator delete(memory); }
void operator delete(void* memory, size_t size, std::align_val_t) noexcept {
  live_bytes -= PagesOf(size);
  std::free(memory);
}
// Where the compiler tells no size, what is freed stays counted: the figures are g++'s.
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }

namespace mailhaul::scheduler {
namespace {

using std::chrono::seconds;

constexpr HostLimits kHostLimits{10, 5};
constexpr seconds kFreshness{300};
constexpr uint32_t kEgresses = 16;
constexpr uint32_t kTenants = 1000;
constexpr uint64_t kMailboxesPerHost = 100;
constexpr uint64_t kHostsMax = 10'000;
constexpr uint64_t kGrantsOutMax = 4096;

// `mailboxes` in one world, their checks spread over one freshness from `first_due` on.
std::unique_ptr<Scheduler> MakeWorld(uint64_t mailboxes, TimePoint first_due) {
  auto scheduler = std::make_unique<Scheduler>(Options{});
  for (uint32_t i = 0; i < kEgresses; ++i) {
    scheduler->AddEgress("192.0.2." + std::to_string(i), 1'000'000);
  }
  const uint64_t hosts = std::min(kHostsMax, std::max<uint64_t>(mailboxes / kMailboxesPerHost, 1));
  for (uint64_t host = 0; host < hosts; ++host) {
    scheduler->AddHost("host" + std::to_string(host), kHostLimits);
  }
  SeededRandom random(7);
  const Duration step = Duration(kFreshness) / static_cast<int64_t>(mailboxes);
  for (uint64_t i = 1; i <= mailboxes; ++i) {
    const TenantId tenant{static_cast<uint32_t>(random.Below(kTenants))};
    const auto host = static_cast<HostId>(random.Below(hosts));
    MH_CHECK(scheduler->AddMailbox(MailboxId{i}, tenant, host).ok());
    const TimePoint due = first_due + step * static_cast<int64_t>(i);
    const TimePoint deadline = due + Duration(kFreshness) / 5;
    MH_CHECK(
        scheduler->Submit(Job{MailboxId{i}, JobKind::kNew, due, deadline, false, kFreshness}).ok());
  }
  return scheduler;
}

class Cycles {
 public:
  Cycles(Scheduler& scheduler, uint64_t mailboxes, TimePoint start)
      : scheduler_(scheduler), grants_out_(std::min(kGrantsOutMax, mailboxes / 20)), now_(start) {}

  void Step() {
    std::optional<Grant> grant = scheduler_.Take(now_);
    while (!grant.has_value()) {
      now_ = std::max(now_, scheduler_.NextWake(now_));
      grant = scheduler_.Take(now_);
      if (!grant.has_value() && !out_.empty()) {
        FinishOldest();
      }
    }
    out_.push_back(*grant);
    if (out_.size() >= grants_out_) {
      FinishOldest();
    }
  }

 private:
  void FinishOldest() {
    const Grant& done = out_.front();
    const TimePoint due = now_ + Duration(kFreshness) * 4 / 5;
    const Job next{done.job.mailbox, JobKind::kNew, due, due + Duration(kFreshness) / 5, false,
                   kFreshness};
    MH_CHECK(scheduler_.Submit(next).ok());
    scheduler_.Finish(done, now_, Status::Ok());
    out_.pop_front();
  }

  Scheduler& scheduler_;
  const size_t grants_out_;
  TimePoint now_;
  std::deque<Grant> out_;
};

// A steady state: what falls due is granted. Counts bytes after as many cycles as mailboxes.
void BM_SchedulerCycle(benchmark::State& state) {
  const auto mailboxes = static_cast<uint64_t>(state.range(0));
  const uint64_t before = live_bytes;
  const std::unique_ptr<Scheduler> scheduler = MakeWorld(mailboxes, TimePoint{});
  Cycles cycles(*scheduler, mailboxes, TimePoint{});
  for (uint64_t i = 0; i < mailboxes; ++i) {
    cycles.Step();
  }
  for (auto _ : state) {
    cycles.Step();
  }
  state.SetItemsProcessed(state.iterations());
  state.counters["bytes_per_mailbox"] =
      static_cast<double>(live_bytes - before) / static_cast<double>(mailboxes);
}
BENCHMARK(BM_SchedulerCycle)
    ->Arg(10'000)
    ->Arg(100'000)
    ->Arg(1'000'000)
    ->Arg(10'000'000)
    ->Iterations(1'000'000);

// Everything is late at once, as after an outage: the timers are empty, the queues are full.
void BM_SchedulerBacklog(benchmark::State& state) {
  const auto mailboxes = static_cast<uint64_t>(state.range(0));
  const uint64_t before = live_bytes;
  const std::unique_ptr<Scheduler> scheduler = MakeWorld(mailboxes, TimePoint{});
  const TimePoint later = TimePoint{} + 10 * Duration(kFreshness);
  benchmark::DoNotOptimize(scheduler->NextWake(later));
  state.counters["bytes_per_mailbox"] =
      static_cast<double>(live_bytes - before) / static_cast<double>(mailboxes);
  Cycles cycles(*scheduler, mailboxes, later);
  for (auto _ : state) {
    cycles.Step();
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_SchedulerBacklog)->Arg(1'000'000)->Iterations(500'000);

}  // namespace
}  // namespace mailhaul::scheduler
