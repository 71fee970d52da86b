#include <cstdio>
#include <memory>
#include <optional>
#include <string>

#include "base/text.h"
#include "engine/app/commands.h"
#include "engine/app/control_socket.h"
#include "engine/app/exit_codes.h"
#include "engine/app/readers_lock.h"
#include "engine/app/removal.h"
#include "engine/app/runtime.h"

namespace mailhaul::app {
namespace {

constexpr Duration kRemoveTime = std::chrono::minutes(10);

// nullopt: no server runs.
Result<std::optional<std::string>> AskForRemoval(const config::Config& config,
                                                 const RemovalTarget& target) {
  const Result<std::string> answer =
      AskServer(config.data_dir, std::string(kRemoveQuestion) + target.ToString(), kRemoveTime);
  if (answer.status().code() == Code::kNotFound) {
    return std::optional<std::string>();
  }
  MH_RETURN_IF_ERROR(answer.status());
  if (answer->starts_with(kNotStoredAnswer)) {
    return Status(Code::kNotFound, EscapeForLog(answer->substr(kNotStoredAnswer.size())));
  }
  if (!answer->starts_with(kRemovedAnswer)) {
    return Status(Code::kInvalidArgument,
                  answer->empty() ? "the running server is of another version, or it just stopped"
                                  : "the running server: " + EscapeForLog(*answer));
  }
  return std::optional(answer->substr(kRemovedAnswer.size()));
}

Result<std::string> RemoveHere(const config::Config& config, const RemovalTarget& target) {
  MH_ASSIGN_OR_RETURN(const std::unique_ptr<OpenStore> store, OpenForWriting(config));
  const bool interrupted = store->mail->removals_pending() > 0;
  const ConfiguredTenants tenants(config);
  Result<std::string> begun = BeginRemoval(
      {.tenants = tenants, .store = *store->mail, .delete_text = DeleteTextBelow(config.data_dir)},
      target);
  if (begun.status().code() == Code::kNotFound && interrupted) {
    begun = std::string("what was begun before, and nothing else of that name is stored");
  }
  Status status = begun.status();
  for (bool more = true; status.ok() && more;) {
    const Result<bool> continued = store->mail->ContinueRemovals();
    status = continued.status();
    more = continued.ok() && *continued;
  }
  const std::optional<ReadersLock> alone = ReadersLock::TryExclude(config.data_dir);
  for (bool more = true; status.ok() && more;) {
    // Nobody in this process reads: what is found dead may go at once.
    const Result<bool> reclaimed = store->mail->ReclaimBodies(
        {.grace = Duration::zero(), .may_begin = true, .may_delete = alone.has_value()});
    status = reclaimed.status();
    more = reclaimed.ok() && *reclaimed;
  }
  if (status.ok()) {
    status =
        store->mail
            ->ReclaimBodies(
                {.grace = Duration::zero(), .may_begin = false, .may_delete = alone.has_value()})
            .status();
  }
  if (!store->after_unclean_end) {
    NoteCleanEnd(*store, config);
  }
  return status.ok() ? std::move(begun) : status;
}

Status Remove(const config::Config& config, const RemovalTarget& target) {
  MH_RETURN_IF_ERROR(CheckNotConfigured(ConfiguredTenants(config), target));
  MH_ASSIGN_OR_RETURN(std::optional<std::string> removed, AskForRemoval(config, target));
  const bool by_server = removed.has_value();
  if (!by_server) {
    MH_ASSIGN_OR_RETURN(removed, RemoveHere(config, target));
  }
  std::printf("%s: %s\n", by_server ? "removed; the running server deletes it now" : "removed",
              removed->c_str());
  return Status::Ok();
}

}  // namespace

int RunRemove(const CommandOptions& options) {
  bool clean = false;
  const std::optional<config::Config> config = LoadOrExplain(options, &clean);
  if (!config.has_value()) {
    return kExitUsage;
  }
  if (!clean) {
    return ExplainFailure({Code::kInvalidArgument,
                           "nothing is removed while a part of the configuration cannot be read: "
                           "it may have what is to be removed"});
  }
  const bool is_mailbox = !options.mailbox.empty();
  const Result<RemovalTarget> target =
      ParseRemovalTarget(is_mailbox ? options.mailbox : options.tenant);
  if (!target.ok() || target->mailbox.has_value() != is_mailbox) {
    return ExplainFailure({Code::kInvalidArgument, is_mailbox ? "--mailbox takes TENANT/ID"
                                                              : "--tenant takes a tenant's name"});
  }
  const Status removed = Remove(*config, *target);
  if (removed.code() == Code::kNotFound) {
    std::fprintf(stderr, "mailhaul: %s\n", removed.ToString().c_str());
    return kExitSomeFailed;
  }
  return removed.ok() ? kExitDone : ExplainFailure(removed);
}

}  // namespace mailhaul::app
