#include <boost/json.hpp>
#include <cstdio>
#include <string>

#include "base/units.h"
#include "engine/app/added_mailboxes.h"
#include "engine/app/change_trimmer.h"
#include "engine/app/commands.h"
#include "engine/app/discover_servers.h"
#include "engine/app/exit_codes.h"
#include "engine/app/progress_bar.h"
#include "engine/app/runtime.h"
#include "engine/app/secrets.h"
#include "engine/app/upkeep.h"

namespace mailhaul::app {
namespace {

constexpr Duration kStopGrace = std::chrono::seconds(10);

struct RunResult {
  Summary summary;
  double seconds = 0;
  bool interrupted = false;
};

boost::json::object ToJson(const RunResult& run) {
  uint64_t failed = 0;
  uint64_t deferred = 0;
  boost::json::array failures;
  for (const Failure& failure : run.summary.failures) {
    ++(failure.deferred ? deferred : failed);
    failures.push_back(boost::json::object{{"mailbox", failure.mailbox},
                                           {"code", ToString(failure.status.code())},
                                           {"detail", failure.status.message()},
                                           {"deferred", failure.deferred}});
  }
  const pipeline::IngestStats& stats = run.summary.stats;
  return {{"mailboxes",
           {{"total", run.summary.mailboxes_total},
            {"complete", run.summary.mailboxes_complete},
            {"failed", failed},
            {"deferred", deferred}}},
          {"messages",
           {{"fetched", stats.fetched},
            {"stored", stats.stored},
            {"duplicates", stats.duplicates},
            {"quarantined", stats.quarantined}}},
          {"bytes", {{"fetched", stats.bytes_fetched}, {"stored", stats.bytes_stored}}},
          {"seconds", run.seconds},
          {"deferred", deferred},
          {"interrupted", run.interrupted},
          {"failures", std::move(failures)}};
}

void PrintForPeople(const RunResult& run) {
  const pipeline::IngestStats& stats = run.summary.stats;
  std::printf(
      "%llu of %llu mailboxes complete, %zu not; %llu messages stored (%s), "
      "%llu fetched, %llu quarantined, in %.1f s\n",
      static_cast<unsigned long long>(run.summary.mailboxes_complete),
      static_cast<unsigned long long>(run.summary.mailboxes_total), run.summary.failures.size(),
      static_cast<unsigned long long>(stats.stored), FormatByteSize(stats.bytes_stored).c_str(),
      static_cast<unsigned long long>(stats.fetched),
      static_cast<unsigned long long>(stats.quarantined), run.seconds);
  for (const Failure& failure : run.summary.failures) {
    std::printf("  %s %s: %s\n", failure.deferred ? "deferred" : "failed", failure.mailbox.c_str(),
                failure.status.ToString().c_str());
  }
  if (run.interrupted) {
    std::printf("interrupted: what was fetched is kept; run again to go on\n");
  }
}

// Completes `config` with what the store has and autodiscovery finds.
Result<RunResult> Run(config::Config& config, const CommandOptions& options,
                      SignalWatcher& signals) {
  MH_ASSIGN_OR_RETURN(const std::unique_ptr<OpenStore> store, OpenForWriting(config));
  const std::optional<store::SecretBox> secrets = BoxOf(config);
  MH_RETURN_IF_ERROR(TakeAddedMailboxes(config, secrets.has_value() ? &*secrets : nullptr,
                                        *store->records, *store->mail)
                         .status());
  MH_RETURN_IF_ERROR(DiscoverServersNow(config));
  RunResult run;
  const ConfiguredTenants tenants(config);
  MH_ASSIGN_OR_RETURN(const std::unique_ptr<Runtime> owned, Runtime::Create(config, *store->mail));
  Runtime& runtime = *owned;
  CollectorOptions collector_options;
  collector_options.records = store->records.get();
  collector_options.files = &store->files;
  collector_options.secrets = secrets.has_value() ? &*secrets : nullptr;
  collector_options.after_unclean_end = store->after_unclean_end;
  Collector collector(collector_options, config, runtime.context(), runtime.main_loop(),
                      runtime.workers());
  MH_RETURN_IF_ERROR(collector.Prepare());
  Upkeep upkeep(tenants, config.data_dir, runtime.context(), runtime.main_loop());
  const TimePoint started = store->clock.Now();
  std::unique_ptr<ProgressBar> progress;
  std::shared_ptr<ChangeTrimmer> trimmer;
  runtime.main_loop().Post([&] {
    if (config.change_log.keep.has_value()) {
      trimmer = std::make_shared<ChangeTrimmer>(runtime.main_loop(), runtime.context().committer,
                                                runtime.context().store, store->clock,
                                                *config.change_log.keep, nullptr);
      trimmer->Start();
    }
    progress = std::make_unique<ProgressBar>(runtime.main_loop(), collector,
                                             runtime.context().progress, store->clock);
    upkeep.Start();
    collector.Start([&] {
      upkeep.Stop();
      progress->Finish();
      runtime.StopLoops();
    });
    if (options.time_max.has_value()) {
      runtime.main_loop().AddTimer(started + *options.time_max, [&] {
        run.interrupted = true;
        collector.Stop();
      });
    }
  });
  signals.Watch(runtime.main_loop(), kStopGrace, [&] { collector.Stop(); });
  runtime.Run();
  signals.Unwatch();
  if (trimmer != nullptr) {
    trimmer->Close();
  }
  NoteCleanEnd(*store, config);
  run.summary = collector.summary();
  run.seconds = std::chrono::duration<double>(store->clock.Now() - started).count();
  run.interrupted = run.interrupted || signals.interrupted();
  return run;
}

}  // namespace

int RunCollect(const CommandOptions& options) {
  SignalWatcher signals;
  bool clean = false;
  std::optional<config::Config> config = LoadOrExplain(options, &clean);
  if (!config.has_value()) {
    return kExitUsage;
  }
  const Result<RunResult> run = Run(*config, options, signals);
  if (!run.ok()) {
    return ExplainFailure(run.status());
  }
  if (options.json) {
    std::printf("%s\n", boost::json::serialize(ToJson(*run)).c_str());
  } else {
    PrintForPeople(*run);
  }
  if (run->interrupted) {
    return kExitInterrupted;
  }
  if (!run->summary.failures.empty()) {
    return kExitSomeFailed;
  }
  return clean ? kExitDone : kExitUsage;
}

}  // namespace mailhaul::app
