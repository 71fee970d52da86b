// One function per command of the command line. Each returns the process's exit code, prints its
// answer on standard output and everything else on standard error.
#pragma once

#include <optional>
#include <string>

#include "engine/app/plan_world.h"
#include "engine/config/config.h"

namespace mailhaul::app {

struct CommandOptions {
  std::string config_file = "mailhaul.yaml";
  bool json = false;
  bool online = false;   // check, verify
  bool watch = false;    // status
  std::string mailbox;   // export, remove, verify: TENANT/ID
  std::string tenant;    // remove: all of a tenant
  bool mbox = false;     // export: mboxrd
  bool maildir = false;  // export: Maildir++
  bool jsonl = false;    // export: JSON Lines
  std::string output;    // export: file; empty: standard output. backup: new directory.
  std::string from;      // restore: a backup
  std::string to;        // secret rotate: file of the new master key
  std::optional<std::chrono::milliseconds> time_max;  // collect
  std::chrono::milliseconds interval{2000};           // status --watch
  PlanAssumptions plan;                               // plan
};

int RunCollect(const CommandOptions& options);
int RunServe(const CommandOptions& options);
int RunCheck(const CommandOptions& options);
// The part of `check` that logs in: with --online, on a configuration without problems.
int CheckOnline(const CommandOptions& options, config::Config config);
int RunPlan(const CommandOptions& options);
int RunStatus(const CommandOptions& options);
// `status --watch`: shows again and again how the running server stands, until a key or a signal
// ends it. Without a terminal: plain text, one after the other.
int WatchStatus(const CommandOptions& options, const config::Config& config);
int RunExport(const CommandOptions& options);
int RunVerify(const CommandOptions& options);
// With --online: what is held beside what the sources list.
int VerifyOnline(const CommandOptions& options, config::Config config, bool clean);
int RunBackup(const CommandOptions& options);
int RunRestore(const CommandOptions& options);
int RunRemove(const CommandOptions& options);
int RunSecretRotate(const CommandOptions& options);

// Loads the configuration and prints its problems. Absent when nothing can be done with it. `clean`
// is false when a tenant file was left out.
std::optional<config::Config> LoadOrExplain(const CommandOptions& options, bool* clean);
// Completes `config` with the mailboxes that were added over HTTP, for what only looks: `store` is
// open, or is opened for reading, if there is one. Those that cannot be read are told of in the
// log.
struct OpenStore;
Status ExtendFrom(OpenStore& store, config::Config& config);
Status ExtendFromStore(config::Config& config);
// getenv(), as the configuration is read with.
const char* Environment(const char* name);
// Prints "mailhaul: ..." on standard error and returns the exit code that fits.
int ExplainFailure(const Status& status);

}  // namespace mailhaul::app
