#include "engine/app/command_line.h"

#include <chrono>
#include <functional>

#include "base/units.h"
#include "engine/app/exit_codes.h"
#include "engine/app/version.h"

namespace mailhaul::app {
namespace {

constexpr std::chrono::milliseconds kWatchIntervalMin(200);
constexpr std::chrono::milliseconds kWatchIntervalMax(3'600'000);

CLI::App* AddCommand(CLI::App& cli, CommandOptions& options, Command* chosen, const char* name,
                     const char* help, Command command) {
  CLI::App* sub = cli.add_subcommand(name, help);
  sub->add_option("-c,--config", options.config_file, "The configuration")
      ->type_name("FILE")
      ->capture_default_str();
  sub->callback([chosen, command] { *chosen = command; });
  return sub;
}

CLI::Option* AddDuration(CLI::App* sub, const char* name, const char* help,
                         std::function<void(std::chrono::milliseconds)> set) {
  CLI::Option* option = sub->add_option_function<std::string>(
      name,
      [name, set](const std::string& text) {
        const Result<std::chrono::milliseconds> parsed = ParseDuration(text);
        if (!parsed.ok()) {
          throw CLI::ValidationError(name, parsed.status().message());
        }
        set(*parsed);
      },
      help);
  return option->type_name("DURATION");
}

void AddByteSize(CLI::App* sub, const char* name, const char* help, uint64_t* target) {
  sub->add_option_function<std::string>(
         name,
         [name, target](const std::string& text) {
           const Result<uint64_t> parsed = ParseByteSize(text);
           if (!parsed.ok() || *parsed == 0) {
             throw CLI::ValidationError(name,
                                        parsed.ok() ? "must not be 0" : parsed.status().message());
           }
           *target = *parsed;
         },
         help)
      ->type_name("SIZE");
}

void DefinePlan(CLI::App& cli, CommandOptions& options, Command* chosen) {
  PlanAssumptions& plan = options.plan;
  CLI::App* sub = AddCommand(cli, options, chosen, "plan",
                             "Forecast in virtual time whether freshness will hold with these "
                             "limits, and what must change if not",
                             RunPlan);
  sub->add_flag("--json", options.json, "Print one object on standard output");
  sub->add_option("--active-share", plan.active_share,
                  "Assumed share of mailboxes that somebody reads at a time")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  AddDuration(sub, "--round-trip", "Assumed round trip to the servers [50ms]",
              [&plan](std::chrono::milliseconds time) { plan.round_trip = time; });
  AddDuration(
      sub, "--check-time",
      "Time that a check which finds nothing holds a connection, from dialling to its close "
      "[as serve and collect measured it; before they did, 6 round trips with TLS, 4 in "
      "plain text]",
      [&plan](std::chrono::milliseconds time) { plan.check_time = time; });
  sub->add_option("--spread", plan.spread,
                  "Spread of that time where it was not measured: standard deviation over mean")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  sub->add_option("--messages-per-day", plan.messages_per_day, "Assumed, for each mailbox")
      ->check(CLI::Range(0, 1'000'000))
      ->capture_default_str();
  AddByteSize(sub, "--message-size", "Assumed where nothing is stored yet [75kB]",
              &plan.message_bytes);
  AddByteSize(sub, "--mailbox-size", "Assumed to backfill where nothing is stored yet [1GB]",
              &plan.mailbox_bytes);
  AddByteSize(sub, "--bytes-per-second", "Assumed speed of one connection [1MB]",
              &plan.bytes_per_second);
  sub->footer(
      "Exit codes: 0 freshness holds; 1 it does not everywhere; 2 usage or configuration; "
      "3 the store cannot be read.");
}

void DefineCommands(CLI::App& cli, CommandOptions& options, Command* chosen) {
  AddCommand(cli, options, chosen, "serve",
             "Run: collect continuously and serve HTTP; follows its tenant files; SIGTERM drains",
             RunServe);

  CLI::App* collect =
      AddCommand(cli, options, chosen, "collect",
                 "Bring every mailbox up to date (new, window, backfill), then exit", RunCollect);
  collect->add_flag("--json", options.json, "Print one summary object on standard output");
  AddDuration(collect, "--max-time", "Stop after this long, e.g. 10m; state is kept",
              [&options](std::chrono::milliseconds time) { options.time_max = time; });

  CLI::App* check = AddCommand(cli, options, chosen, "check",
                               "Validate the configuration: file:line:column: message", RunCheck);
  CLI::Option* online = check->add_flag(
      "--online", options.online,
      "Also log in to every mailbox, in parallel within the limits of hosts and addresses; of a "
      "running server, tell what its own checks found");
  check->add_flag("--json", options.json, "Print one object on standard output")->needs(online);

  DefinePlan(cli, options, chosen);

  CLI::App* status =
      AddCommand(cli, options, chosen, "status",
                 "Mailboxes: state, coverage, last complete check, errors; and while "
                 "a server runs, its pools: connections, limits, what waits and why",
                 RunStatus);
  CLI::Option* watch =
      status->add_flag("--watch", options.watch,
                       "Show how the running server stands, again and again: speed, lag of "
                       "tenants, pools, mailboxes "
                       "in trouble; until q or Ctrl-C. Not on a terminal: as plain text");
  status->add_flag("--json", options.json, "Print one object on standard output")->excludes(watch);
  AddDuration(status, "--interval", "Of --watch, from 200ms to 1h [2s]",
              [&options](std::chrono::milliseconds time) {
                if (time < kWatchIntervalMin || time > kWatchIntervalMax) {
                  throw CLI::ValidationError("--interval", "must be from 200ms to 1h");
                }
                options.interval = time;
              })
      ->needs(watch);

  CLI::App* exported =
      AddCommand(cli, options, chosen, "export",
                 "Write one mailbox's messages; also while a server runs", RunExport);
  exported->add_option("--mailbox", options.mailbox, "TENANT/ID")->required();
  CLI::Option_group* format = exported->add_option_group("format");
  format->add_flag("--mbox", options.mbox, "mboxrd, LF line ends");
  format->add_flag("--maildir", options.maildir, "Maildir++, a directory; with --output");
  format->add_flag("--jsonl", options.jsonl,
                   "JSON Lines: the message as HTTP shows it, sha256 and raw_base64");
  format->require_option(1);
  exported->add_option("--output", options.output,
                       "A new file, or directory; default: standard output");
}

void DefineStoreCommands(CLI::App& cli, CommandOptions& options, Command* chosen) {
  CLI::App* verify = AddCommand(cli, options, chosen, "verify",
                                "Read everything that is stored and check it: every body's hash, "
                                "every index row, every counter; also while a server runs",
                                RunVerify);
  CLI::Option* online = verify->add_flag(
      "--online", options.online,
      "Compare what is held of each mailbox with what its server lists instead: what is missing, "
      "what is still to come, what the server no longer has. Changes no mail, here or there; a "
      "running server does it with its checks");
  verify->add_option("--mailbox", options.mailbox, "TENANT/ID: this one only, folder by folder")
      ->needs(online);
  verify->add_flag("--json", options.json, "Print one object on standard output");
  verify->footer(
      "Exit codes: 0 sound, with --online: nothing is missing; 1 with --online: messages are "
      "missing, or mailboxes could not be compared; 2 usage or configuration; 3 damaged, or cannot "
      "be read; 4 interrupted.");

  CLI::App* backup =
      AddCommand(cli, options, chosen, "backup",
                 "Copy the store, as it is at one moment, to a new directory; also while a server "
                 "runs",
                 RunBackup);
  backup->add_option("--output", options.output, "A directory that does not exist yet")->required();

  CLI::App* restore =
      AddCommand(cli, options, chosen, "restore",
                 "Copy a backup into data_dir, which must hold no store", RunRestore);
  restore->add_option("--from", options.from, "A directory that `backup` made")->required();

  CLI::App* remove =
      AddCommand(cli, options, chosen, "remove",
                 "Delete all that is stored of a mailbox or a tenant that is no longer configured; "
                 "also while a server runs",
                 RunRemove);
  CLI::Option_group* what = remove->add_option_group("what");
  what->add_option("--mailbox", options.mailbox, "TENANT/ID");
  what->add_option("--tenant", options.tenant, "A tenant, with all its mailboxes");
  what->require_option(1);
  remove->footer(
      "Nothing at the source is touched, and nothing is asked. Exit codes: 0 removed; 1 nothing of "
      "it is stored; 2 usage, or it is still configured; 3 the store cannot be opened.");

  CLI::App* secret = cli.add_subcommand("secret", "Secrets that the store keeps sealed");
  secret->require_subcommand(1);
  CLI::App* rotate =
      AddCommand(*secret, options, chosen, "rotate",
                 "Seal them with another master key; then set master_key to it", RunSecretRotate);
  rotate->add_option("--to", options.to, "File with the new key, 64 hexadecimal digits")
      ->required()
      ->check(CLI::ExistingFile);
}

}  // namespace

CommandLine::CommandLine() {
  cli_.footer(
      "Exit codes: 0 done; 1 some mailboxes failed (listed); 2 usage or configuration; "
      "3 store damaged or locked; 4 interrupted, state kept.");
  cli_.set_version_flag("--version", std::string("mailhaul ") + kVersion);
  cli_.require_subcommand(1);
  DefineCommands(cli_, options_, &chosen_);
  DefineStoreCommands(cli_, options_, &chosen_);
}

std::optional<int> CommandLine::Parse(int argc, const char* const* argv) {
  try {
    cli_.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return cli_.exit(error) == 0 ? kExitDone : kExitUsage;
  }
  return std::nullopt;
}

int CommandLine::Run() const { return chosen_(options_); }

}  // namespace mailhaul::app
