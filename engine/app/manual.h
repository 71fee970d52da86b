// The manual page, made from the model of the command line: what `--help` tells, in roff.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <string_view>

namespace mailhaul::app {

// `text` as roff shows it letter by letter: in a line of its own or within one.
std::string RoffText(std::string_view text);

// The page mailhaul(1) in man(7) macros: every command with every option, then the exit codes,
// files and signals. Equal models and versions give equal bytes.
std::string ManualPage(const CLI::App& model, std::string_view version);

}  // namespace mailhaul::app
