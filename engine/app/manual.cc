#include "engine/app/manual.h"

#include <algorithm>
#include <set>
#include <vector>

namespace mailhaul::app {
namespace {

// What the model does not know of. Roff.
constexpr std::string_view kDescription =
    R"(.PP
It collects mail from IMAP and POP3 servers, keeps every message byte for byte in its own store, and
serves it over HTTP with search and change streams; it also sends mail through the mailboxes' own
servers. Servers are read only: nothing is marked as read, moved or deleted there.
.PP
Everything is configured in one YAML file and one more for each tenant.
.B mailhaul check
tells what is wrong with them, with file, line and column.
)";

constexpr std::string_view kRest =
    R"(.SH SIGNALS
.TP
.BR SIGTERM ", " SIGINT
.B serve
and
.B collect
finish what is in flight, within 30 seconds, and end; all state is kept.
A second one ends them at once.
.TP
.B SIGHUP
.B serve
reads its configuration again.
.SH ENVIRONMENT
.TP
.B NO_COLOR
If not empty,
.B status \-\-watch
draws without colours.
.TP
.B COLUMNS
The width of what
.B status \-\-watch
writes into a file or pipe.
.PP
Secrets may stand in variables that the configuration names.
.SH FILES
.TP
.I mailhaul.yaml
The main configuration, unless
.B \-c
names another.
.TP
.I /etc/mailhaul/
The configuration of the system's service, mailhaul.service.
.TP
.I /var/lib/mailhaul/
Its data:
.I records/
and
.I blobs/
are the store, one worth nothing without the other.
.TP
.I /usr/share/doc/mailhaul/
The manuals: configuration, HTTP, operation; and examples.
.SH SEE ALSO
.BR systemctl (1),
.BR journalctl (1),
.BR curl (1)
)";

constexpr std::string_view kExitCodes = "Exit codes: ";

std::vector<std::string> SplitAt(std::string_view text, std::string_view separator) {
  std::vector<std::string> parts;
  while (true) {
    const size_t end = text.find(separator);
    parts.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) {
      return parts;
    }
    text.remove_prefix(end + separator.size());
  }
}

std::string OptionNames(const CLI::Option& option) {
  std::string names;
  for (const std::string& name : SplitAt(option.get_name(false, true), ",")) {
    names += (names.empty() ? "" : ", ") + ("\\fB" + RoffText(name) + "\\fR");
  }
  if (option.get_type_size() != 0 && !option.get_type_name().empty()) {
    names += " \\fI" + RoffText(option.get_type_name()) + "\\fR";
  }
  return names;
}

// A list of names, each bold.
std::string NamesOf(const std::set<CLI::Option*>& options) {
  std::string names;
  for (const CLI::Option* option : options) {
    names += (names.empty() ? "" : ", ") + ("\\fB" + RoffText(option->get_name()) + "\\fR");
  }
  return names;
}

std::string OptionEntry(const CLI::Option& option) {
  std::string entry = ".TP\n" + OptionNames(option) + "\n" + RoffText(option.get_description());
  if (!option.get_default_str().empty()) {
    entry += " [" + RoffText(option.get_default_str()) + "]";
  }
  entry += ".\n";
  if (option.get_required()) {
    entry += "Required.\n";
  }
  if (!option.get_needs().empty()) {
    entry += "Only with " + NamesOf(option.get_needs()) + ".\n";
  }
  if (!option.get_excludes().empty()) {
    entry += "Not with " + NamesOf(option.get_excludes()) + ".\n";
  }
  return entry;
}

std::vector<const CLI::App*> Children(const CLI::App& app, bool groups) {
  return app.get_subcommands(
      [groups](const CLI::App* child) { return child->get_name().empty() == groups; });
}

// Those of the command itself; that each has --help is told once.
std::vector<const CLI::Option*> OptionsOf(const CLI::App& app) {
  return app.get_options([&app](const CLI::Option* option) {
    return app.get_parent() == nullptr || option->get_name() != "--help";
  });
}

void AddOptions(const CLI::App& app, std::string& out) {
  for (const CLI::Option* option : OptionsOf(app)) {
    out += OptionEntry(*option);
  }
  for (const CLI::App* group : Children(app, true)) {
    out += ".PP\nExactly one of:\n";
    AddOptions(*group, out);
  }
}

// "mailhaul export --mailbox TEXT (--mbox | --maildir) [OPTION...]".
std::string Synopsis(const std::string& name, const CLI::App& command) {
  std::string line = ".B " + RoffText(name) + "\n";
  std::string required;
  bool optional = false;
  for (const CLI::Option* option : OptionsOf(command)) {
    if (option->get_required()) {
      required += " " + OptionNames(*option);
    } else {
      optional = true;
    }
  }
  for (const CLI::App* group : Children(command, true)) {
    std::string names;
    for (const CLI::Option* option : OptionsOf(*group)) {
      names += (names.empty() ? "" : " | ") + OptionNames(*option);
    }
    required += " (" + names + ")";
  }
  return line + (optional ? "[\\fIOPTION\\fR...]" : "") + required + "\n";
}

// "Exit codes: 0 done; 1 failed." as a list after `title`, and what stands before it.
std::string ExitCodes(const std::string& footer, const std::string& title) {
  const size_t start = footer.find(kExitCodes);
  std::string out = start == 0 ? "" : ".PP\n" + RoffText(footer.substr(0, start)) + "\n";
  if (start == std::string::npos) {
    return out;
  }
  out += title;
  std::string codes = footer.substr(start + kExitCodes.size());
  while (!codes.empty() && (codes.back() == '.' || codes.back() == '\n')) {
    codes.pop_back();
  }
  for (const std::string& code : SplitAt(codes, "; ")) {
    const size_t blank = std::min(code.find(' '), code.size());
    out += ".TP\n.B " + RoffText(code.substr(0, blank)) + "\n" +
           RoffText(code.substr(std::min(blank + 1, code.size()))) + ".\n";
  }
  return out;
}

void AddCommand(const std::string& parent, const CLI::App& command, const std::string& usual_footer,
                std::string& out) {
  const std::string name = parent + " " + command.get_name();
  const std::vector<const CLI::App*> below = Children(command, false);
  if (below.empty()) {
    out += ".SS \"" + RoffText(name) + "\"\n" + Synopsis(name, command);
    out += ".PP\n" + RoffText(command.get_description()) + ".\n";
    AddOptions(command, out);
    if (command.get_footer() != usual_footer) {
      out += ExitCodes(command.get_footer(), ".PP\nExit codes:\n");
    }
  }
  for (const CLI::App* child : below) {
    AddCommand(name, *child, usual_footer, out);
  }
}

}  // namespace

std::string RoffText(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '\\':
        out += "\\(rs";
        break;
      case '-':
        out += "\\-";
        break;
      case '"':
        out += "\\(dq";
        break;
      case '\'':
        out += "\\(aq";
        break;
      case '`':
        out += "\\(ga";
        break;
      case '^':
        out += "\\(ha";
        break;
      case '~':
        out += "\\(ti";
        break;
      case '\n':
        out += ' ';  // A line that begins with a dot would be a request.
        break;
      default:
        out += c;
    }
  }
  return out.starts_with('.') ? "\\&" + out : out;
}

std::string ManualPage(const CLI::App& model, std::string_view version) {
  std::string out = ".TH MAILHAUL 1 \"\" \"mailhaul " + RoffText(version) +
                    "\" \"User Commands\"\n.SH NAME\nmailhaul \\- collects mail of many mailboxes "
                    "and serves it over HTTP\n.SH SYNOPSIS\n.B mailhaul\n\\fICOMMAND\\fR "
                    "[\\fIOPTION\\fR...]\n.SH DESCRIPTION\n" +
                    RoffText(model.get_description()) + "\n" + std::string(kDescription) +
                    ".SH OPTIONS\n";
  AddOptions(model, out);
  out += ".PP\n\\fB\\-\\-help\\fR after a command tells of that command alone.\n.SH COMMANDS\n";
  for (const CLI::App* command : Children(model, false)) {
    AddCommand("mailhaul", *command, model.get_footer(), out);
  }
  out += ".SH \"EXIT STATUS\"\n" +
         ExitCodes(model.get_footer(), "Unless a command has its own above:\n");
  return out + std::string(kRest);
}

}  // namespace mailhaul::app
