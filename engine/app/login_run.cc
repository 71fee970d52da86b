#include "engine/app/login_run.h"

#include <chrono>
#include <optional>
#include <utility>

#include "engine/app/progress_bar.h"
#include "engine/app/secrets.h"
#include "store/memory_file_system.h"
#include "store/memory_key_value_store.h"

namespace mailhaul::app {
namespace {

constexpr Duration kStopGrace = std::chrono::seconds(10);

LoginOutcomes OutcomesOf(const Collector& collector) {
  LoginOutcomes outcomes;
  for (const auto& mailbox : collector.mailboxes()) {
    outcomes.emplace(mailbox->FullName(),
                     mailbox->batch_over
                         ? Status::Ok()
                         : Status(Code::kCancelled, "interrupted before its turn came"));
  }
  for (const Failure& failure : collector.summary().failures) {
    outcomes[failure.mailbox] = failure.status;
  }
  return outcomes;
}

}  // namespace

Result<LoginOutcomes> LogInEverywhere(
    const config::Config& config, OpenStore* kept, SignalWatcher& signals,
    const std::function<std::unique_ptr<Inspector>(Runtime& runtime)>& inspect) {
  const SystemClock clock;
  store::MemoryFileSystem files;
  store::MemoryKeyValueStore records;
  MH_ASSIGN_OR_RETURN(const std::unique_ptr<store::BlobStore> blobs,
                      store::BlobStore::Open(files, {.directory = "/blobs"}));
  MH_ASSIGN_OR_RETURN(const std::unique_ptr<store::MailStore> mail,
                      store::MailStore::Open(records, *blobs, clock));
  const std::optional<store::SecretBox> secrets = BoxOf(config);
  MH_ASSIGN_OR_RETURN(const std::unique_ptr<Runtime> runtime, Runtime::Create(config, *mail));
  CollectorOptions options;
  options.login_only = true;
  if (kept != nullptr) {
    options.records = kept->records.get();
    options.secrets = secrets.has_value() ? &*secrets : nullptr;
    options.after_unclean_end = kept->after_unclean_end;
  }
  const std::unique_ptr<Inspector> inspector = inspect ? inspect(*runtime) : nullptr;
  Collector collector(options, config, runtime->context(), runtime->main_loop(),
                      runtime->workers());
  collector.SetInspector(inspector.get());
  MH_RETURN_IF_ERROR(collector.Prepare());
  std::unique_ptr<ProgressBar> progress;
  runtime->main_loop().Post([&] {
    progress = std::make_unique<ProgressBar>(runtime->main_loop(), collector,
                                             runtime->context().progress, clock);
    collector.Start([&] {
      progress->Finish();
      runtime->StopLoops();
    });
  });
  signals.Watch(runtime->main_loop(), kStopGrace, [&] { collector.Stop(); });
  runtime->Run();
  signals.Unwatch();
  if (kept != nullptr && !kept->after_unclean_end) {
    NoteCleanEnd(*kept, config);
  }
  return OutcomesOf(collector);
}

}  // namespace mailhaul::app
