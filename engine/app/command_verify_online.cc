#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <set>
#include <string>
#include <utility>

#include "base/text.h"
#include "engine/app/commands.h"
#include "engine/app/control_socket.h"
#include "engine/app/discover_servers.h"
#include "engine/app/exit_codes.h"
#include "engine/app/login_run.h"
#include "engine/app/store_copy.h"
#include "engine/app/terminal.h"
#include "engine/app/verify_answer.h"
#include "engine/app/verify_report.h"

namespace mailhaul::app {
namespace {

constexpr Duration kAskEvery = std::chrono::milliseconds(200);
constexpr size_t kProblemBytesMax = 1000;

Result<VerifyAnswer> Ask(const config::Config& config, std::string_view question,
                         const std::string& about) {
  MH_ASSIGN_OR_RETURN(const std::string answer,
                      AskServer(config.data_dir, std::string(question) + about));
  MH_ASSIGN_OR_RETURN(VerifyAnswer parsed, ParseVerifyAnswer(answer));
  if (!parsed.problem.empty()) {
    return Status(parsed.unknown_mailbox ? Code::kInvalidArgument : Code::kBusy,
                  EscapeForLog(parsed.problem, kProblemBytesMax));
  }
  return parsed;
}

void ShowProgress(const VerifyAnswer& answer) {
  if (isatty(STDERR_FILENO) == 0) {
    return;
  }
  if (answer.over()) {
    std::fprintf(stderr, "\r%60s\r", "");
    return;
  }
  std::fprintf(stderr, "\r%llu of %llu mailboxes compared ",
               static_cast<unsigned long long>(answer.done),
               static_cast<unsigned long long>(answer.mailboxes));
}

// A running server has begun; what it finds is fetched as it comes.
Status FollowServer(const config::Config& config, VerifyAnswer answer, VerifyReport& report) {
  const SystemClock clock;
  TerminalEvents events(/*keys=*/false);
  using Event = TerminalEvents::Event;
  while (true) {
    for (const MailboxFinding& finding : answer.findings) {
      report.Add(finding);
    }
    ShowProgress(answer);
    if (answer.over()) {
      return Status::Ok();
    }
    const TimePoint next = clock.Now() + kAskEvery;
    Event event = events.Await(clock, next);
    while (event == Event::kResized || event == Event::kSuspended) {
      if (event == Event::kSuspended) {
        std::raise(SIGSTOP);
      }
      event = events.Await(clock, next);
    }
    if (event != Event::kTimeIsUp) {
      report.SetInterrupted();
      // The server forgets the run by itself, too.
      static_cast<void>(Ask(config, kVerifyEnd, answer.run));
      return Status::Ok();
    }
    Result<VerifyAnswer> more = Ask(config, kVerifyNext, answer.run);
    if (!more.ok()) {
      // What was found so far is worth telling.
      report.SetInterrupted();
      static_cast<void>(
          ExplainFailure(more.status().WithContext("the running server tells no more")));
      return Status::Ok();
    }
    answer = std::move(more).value();
  }
}

// Leaves only this mailbox in the configuration.
Status KeepOnly(const std::string& name, config::Config& config) {
  const size_t slash = name.find('/');
  if (slash == std::string::npos) {
    return {Code::kInvalidArgument, "--mailbox takes TENANT/ID"};
  }
  size_t left = 0;
  for (config::TenantConfig& tenant : config.tenants) {
    std::erase_if(tenant.mailboxes, [&](const config::MailboxConfig& mailbox) {
      return tenant.name + "/" + mailbox.id != name;
    });
    left += tenant.mailboxes.size();
  }
  return left > 0 ? Status::Ok()
                  : Status(Code::kInvalidArgument,
                           "no mailbox " + EscapeForLog(name) + " is configured");
}

// What is to be looked into, with all that is known of it.
Status MakeReady(OpenStore& store, const CommandOptions& options, config::Config& config) {
  MH_RETURN_IF_ERROR(ExtendFrom(store, config));
  if (!options.mailbox.empty()) {
    MH_RETURN_IF_ERROR(KeepOnly(options.mailbox, config));
  }
  return DiscoverServersNow(config);
}

// Without a server: within the same limits, with the store to itself.
Status LookHere(config::Config& config, const CommandOptions& options, VerifyReport& report) {
  SignalWatcher signals;
  MH_ASSIGN_OR_RETURN(const bool there, Exists(config.data_dir + "/records"));
  if (!there) {
    return {Code::kNotFound,
            "nothing is stored in " + config.data_dir + " yet: run `mailhaul collect` first"};
  }
  MH_ASSIGN_OR_RETURN(const std::unique_ptr<OpenStore> store, OpenForWriting(config));
  const Status ready = MakeReady(*store, options, config);
  if (!ready.ok()) {
    if (!store->after_unclean_end) {
      NoteCleanEnd(*store, config);
    }
    return ready;
  }
  std::set<std::string> found;
  const auto inspect = [&](Runtime& runtime) {
    return std::make_unique<LedgerInspector>(
        *store->mail, runtime.reads(), store->clock, runtime.main_loop(),
        [&](const MailboxFinding& finding) {
          // What fails may be tried again, and is told of at the end.
          if (finding.code == ToString(Code::kOk) && found.insert(finding.mailbox).second) {
            report.Add(finding);
          }
        });
  };
  MH_ASSIGN_OR_RETURN(const LoginOutcomes outcomes,
                      LogInEverywhere(config, store.get(), signals, inspect));
  if (signals.interrupted()) {
    report.SetInterrupted();
  }
  for (const auto& [mailbox, status] : outcomes) {
    const bool is_left = signals.interrupted() && status.code() == Code::kCancelled;
    if (!found.contains(mailbox) && !is_left) {
      report.Add(FailedFinding(mailbox, status));
    }
  }
  return Status::Ok();
}

int Conclude(VerifyReport& report, bool json, bool clean) {
  report.Sort();
  const bool on_screen = isatty(STDOUT_FILENO) == 1;
  const std::string text =
      json ? report.AsJson() : report.AsText(on_screen ? ShapeOfScreen() : ShapeOfText());
  if (!WriteOut(text)) {
    return kExitSomeFailed;
  }
  if (report.interrupted()) {
    return kExitInterrupted;
  }
  if (report.damaged()) {
    return kExitStore;
  }
  if (!report.right()) {
    return kExitSomeFailed;
  }
  return clean ? kExitDone : kExitUsage;
}

}  // namespace

int VerifyOnline(const CommandOptions& options, config::Config config, bool clean) {
  Result<VerifyAnswer> begun = Ask(config, kVerifyBegin, options.mailbox);
  const bool by_server = begun.status().code() != Code::kNotFound;
  VerifyReport report(
      {.equal_folders = !options.mailbox.empty(), .from_running_server = by_server});
  Status done = begun.status();
  if (begun.ok()) {
    done = FollowServer(config, std::move(begun).value(), report);
  } else if (!by_server) {
    done = LookHere(config, options, report);
  }
  if (!done.ok()) {
    const int code = ExplainFailure(done);
    // The store of a server that runs can be opened.
    return by_server && code == kExitStore ? kExitSomeFailed : code;
  }
  return Conclude(report, options.json, clean);
}

}  // namespace mailhaul::app
