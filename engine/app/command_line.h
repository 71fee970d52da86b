// The command line: commands, their options, and the texts from which `--help` and the manual page
// are made.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <optional>

#include "engine/app/commands.h"

namespace mailhaul::app {

using Command = std::function<int(const CommandOptions&)>;

// One thread. Neither copied nor moved: the model points to the options.
class CommandLine final {
 public:
  CommandLine();
  CommandLine(const CommandLine&) = delete;
  CommandLine& operator=(const CommandLine&) = delete;

  // As main() has them. Absent: Run() has something to do. Else the exit code, once help, the
  // version or what is wrong was printed.
  std::optional<int> Parse(int argc, const char* const* argv);
  // The chosen command; returns the exit code. Once, after Parse().
  int Run() const;

  const CLI::App& model() const { return cli_; }

 private:
  CommandOptions options_;
  Command chosen_;
  CLI::App cli_{
      "mailhaul keeps thousands of mailboxes of other people's mail servers collected in "
      "one place.",
      "mailhaul"};
};

}  // namespace mailhaul::app
