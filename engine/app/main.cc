#include <CLI/CLI.hpp>
#include <cstdio>
#include <functional>

#include "base/log.h"
#include "base/units.h"
#include "engine/app/commands.h"
#include "engine/app/exit_codes.h"
#include "engine/app/version.h"

namespace mailhaul::app {
namespace {

using Command = std::function<int(const CommandOptions&)>;

CLI::App* AddCommand(CLI::App& cli, CommandOptions& options, Command* chosen, const char* name,
                     const char* help, Command command) {
  CLI::App* sub = cli.add_subcommand(name, help);
  sub->add_option("-c,--config", options.config_file, "The configuration, mailhaul.yaml")
      ->capture_default_str();
  sub->callback([chosen, command] { *chosen = command; });
  return sub;
}

void DefineCommands(CLI::App& cli, CommandOptions& options, Command* chosen,
                    std::string* time_max) {
  AddCommand(cli, options, chosen, "serve",
             "Run: collect continuously and serve HTTP; SIGTERM drains", RunServe);

  CLI::App* collect =
      AddCommand(cli, options, chosen, "collect",
                 "Bring every mailbox up to date (new, window, backfill), then exit", RunCollect);
  collect->add_flag("--json", options.json, "Print one summary object on standard output");
  collect->add_option("--max-time", *time_max, "Stop after this long, e.g. 10m; state is kept");

  AddCommand(cli, options, chosen, "check", "Validate the configuration: file:line:column: message",
             RunCheck);

  CLI::App* status = AddCommand(cli, options, chosen, "status",
                                "Mailboxes: state, coverage, last complete check, errors; also "
                                "while a server runs",
                                RunStatus);
  status->add_flag("--json", options.json, "Print one object on standard output");

  CLI::App* exported =
      AddCommand(cli, options, chosen, "export",
                 "Write one mailbox's messages; also while a server runs", RunExport);
  exported->add_option("--mailbox", options.mailbox, "TENANT/ID")->required();
  CLI::Option_group* format = exported->add_option_group("format");
  format->add_flag("--mbox", options.mbox, "mboxrd, LF line ends");
  format->add_flag("--jsonl", options.jsonl,
                   "JSON Lines: the message as HTTP shows it, sha256 and raw_base64");
  format->require_option(1);
  exported->add_option("--output", options.output, "A new file; default: standard output");
}

int Main(int argc, char** argv) {
  CLI::App cli{
      "mailhaul keeps thousands of mailboxes of other people's mail servers collected in "
      "one place.",
      "mailhaul"};
  cli.footer(
      "Exit codes: 0 done; 1 some mailboxes failed (listed); 2 usage or configuration; "
      "3 store damaged or locked; 4 interrupted, state kept.");
  cli.set_version_flag("--version", std::string("mailhaul ") + kVersion);
  cli.require_subcommand(1);
  CommandOptions options;
  Command chosen;
  std::string time_max;
  DefineCommands(cli, options, &chosen, &time_max);
  try {
    cli.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return cli.exit(error) == 0 ? kExitDone : kExitUsage;
  }
  if (!time_max.empty()) {
    const Result<std::chrono::milliseconds> parsed = ParseDuration(time_max);
    if (!parsed.ok()) {
      std::fprintf(stderr, "mailhaul: --max-time: %s\n", parsed.status().message().c_str());
      return kExitUsage;
    }
    options.time_max = *parsed;
  }
  return chosen(options);
}

}  // namespace
}  // namespace mailhaul::app

int main(int argc, char** argv) { return mailhaul::app::Main(argc, argv); }
