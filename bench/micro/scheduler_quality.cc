// The order in which mailboxes are checked, beside what other programs do, in virtual time: equal
// worlds, equal sessions, equal limits. Figures: quality.h.
#include <cstdio>

#include "bench/micro/peer_policies.h"
#include "bench/micro/quality.h"

namespace mailhaul::scheduler {
namespace {

double Percent(double share) { return share * 100; }

void PrintRow(const char* load, const NamedPolicy& policy, const Quality& quality) {
  std::printf("%-5s %-26s %9.1f %9.1f %9.1f %9.1f", load, policy.name.c_str(),
              Percent(quality.active.late_share), Percent(quality.active.p99),
              Percent(quality.normal.late_share), Percent(quality.normal.p99));
}

void CompareLoaded(double load, const char* name) {
  const World world = LoadedWorld(load);
  for (const NamedPolicy& policy : PoliciesToCompare()) {
    const std::unique_ptr<WorldPolicy> made = policy.make(world);
    PrintRow(name, policy, MeasureQuality(world, *made));
    std::printf(" %10s %12s\n", "-", "-");
  }
}

void CompareOverloaded() {
  const World world = OverloadedWorld();
  for (const NamedPolicy& policy : PoliciesToCompare()) {
    const std::unique_ptr<WorldPolicy> made = policy.make(world);
    const Quality quality = MeasureQuality(world, *made);
    PrintRow("150%", policy, quality);
    std::printf(" %10.1f %12.1f\n", Percent(quality.share_error_max),
                Percent(quality.tenants.back().lateness.p99));
  }
}

void Main() {
  std::printf(
      "Ten connections, sessions of 1 s on average; one mailbox of 20 is active (30 s), "
      "the others 5 min.\nLate: how far past its freshness a mailbox got until its check "
      "was complete, in %% of the freshness.\nShare error: the worst tenant's connection "
      "time beside its weighted share, in %%.\n\n");
  std::printf("%-5s %-26s %19s %19s %10s %12s\n", "", "", "active mailboxes", "other mailboxes",
              "share", "small tenant");
  std::printf("%-5s %-26s %9s %9s %9s %9s %10s %12s\n", "load", "policy", "late %", "p99 %",
              "late %", "p99 %", "error %", "p99 %");
  CompareLoaded(0.9, "90%");
  CompareOverloaded();
  const World backfilling = BackfillingWorld(0.9);
  SchedulerPolicy policy(backfilling);
  PrintRow("90%", {"mailhaul, all backfilling", nullptr}, MeasureQuality(backfilling, policy));
  std::printf(" %10s %12s\n", "-", "-");
  std::printf(
      "\ngoals of mailhaul: p99 at most 20 at 90%%; share error at most 5 at 150%%, "
      "and p99 of\nactive mailboxes within a tenth of the others'\n");
}

}  // namespace
}  // namespace mailhaul::scheduler

int main() { mailhaul::scheduler::Main(); }
