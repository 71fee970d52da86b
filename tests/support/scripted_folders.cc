#include "tests/support/scripted_folders.h"

#include <array>

#include "connectors/imap/scanner.h"
#include "tests/support/scripted_fetch.h"

namespace mailhaul::test_support {
namespace {

uint64_t HighestModseq(const ScriptedMailServer& server, const ScriptedFolder& folder) {
  return server.faults.lose_modseqs ? 1 : folder.modseq;
}

// "(MESSAGES UIDNEXT)" of "RETURN (SPECIAL-USE STATUS (MESSAGES UIDNEXT))"; empty if not there.
std::string_view StatusItems(std::string_view arguments) {
  const size_t at = arguments.find("STATUS (");
  if (at == std::string_view::npos) {
    return {};
  }
  const size_t begin = at + std::string_view("STATUS ").size();
  return arguments.substr(begin, arguments.find(')', begin) + 1 - begin);
}

// The UIDs that are gone since `modseq`.
UidSet VanishedSince(const ScriptedFolder& folder, uint64_t modseq) {
  UidSet uids;
  for (const ScriptedFolder::Vanished& gone : folder.vanished) {
    if (gone.modseq > modseq) {
      uids.Add(gone.uid);
    }
  }
  return uids;
}

std::string Resynchronize(const ScriptedMailServer& server, const ScriptedFolder& folder,
                          std::string_view parameters) {
  imap::Scanner scanner(parameters.substr(parameters.find("(QRESYNC (") + 10));
  const uint32_t uid_validity = scanner.Number32();
  scanner.Expect(' ');
  const uint64_t since = scanner.Number64();
  if (scanner.failed() || uid_validity != folder.uid_validity) {
    return "";
  }
  UidSet gone = VanishedSince(folder, since);
  if (server.faults.vanish_everything) {
    gone.AddRange({1, UINT32_MAX});
  }
  std::string text;
  if (!gone.empty()) {
    text = "* VANISHED (EARLIER) " + gone.ToSequenceSet() + "\r\n";
  }
  size_t sequence = 0;
  for (const ScriptedMessage& message : folder.messages()) {
    ++sequence;
    if (message.modseq > since) {
      text += FlagNews(message, sequence, true);
    }
  }
  return text;
}

}  // namespace

std::string Quote(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      quoted.push_back('\\');
    }
    quoted.push_back(c);
  }
  return quoted + "\"";
}

std::string ListAnswers(const ScriptedMailServer& server, const ScriptedAccount& account,
                        std::string_view arguments) {
  const bool returns_roles = arguments.find("SPECIAL-USE") != std::string_view::npos;
  const std::string_view items = StatusItems(arguments);
  std::string text;
  for (const auto& [name, folder] : account.folders) {
    std::string attributes;
    bool can_be_opened = true;
    for (const std::string& attribute : folder.attributes) {
      const bool is_role = attribute != "\\Noselect" && attribute != "\\NonExistent";
      can_be_opened = can_be_opened && is_role;
      if (!is_role || returns_roles) {
        attributes += (attributes.empty() ? "" : " ") + attribute;
      }
    }
    text += "* LIST (" + attributes + ") " + Quote({&server.options.delimiter, 1}) + " " +
            Quote(name) + "\r\n";
    if (!items.empty() && can_be_opened) {
      text += StatusAnswer(server, name, folder, items);
    }
  }
  return text;
}

std::string StatusAnswer(const ScriptedMailServer& server, const std::string& name,
                         const ScriptedFolder& folder, std::string_view items) {
  uint64_t unseen = 0;
  for (const ScriptedMessage& message : folder.messages()) {
    unseen += (message.flags & kFlagSeen) == 0 ? 1 : 0;
  }
  const std::array<std::pair<std::string_view, uint64_t>, 5> known = {{
      {"MESSAGES", folder.messages().size()},
      {"UIDNEXT", folder.uid_next},
      {"UIDVALIDITY", folder.uid_validity},
      {"UNSEEN", unseen},
      {"HIGHESTMODSEQ", HighestModseq(server, folder)},
  }};
  std::string values;
  for (const auto& [item, value] : known) {
    if (items.find(item) != std::string_view::npos && item != server.faults.no_status_item) {
      values += (values.empty() ? "" : " ") + std::string(item) + " " + std::to_string(value);
    }
  }
  return "* STATUS " + Quote(name) + " (" + values + ")\r\n";
}

std::string OpenAnswers(const ScriptedMailServer& server, const std::string& name,
                        const ScriptedFolder& folder, std::string_view parameters,
                        FolderView* view) {
  view->name = name;
  view->uid_validity = folder.uid_validity;
  view->messages = folder.messages().size();
  view->modseq = folder.modseq;
  const bool resynchronizes = parameters.find("(QRESYNC (") != std::string_view::npos;
  view->condstore =
      view->condstore || resynchronizes || parameters.find("CONDSTORE") != std::string_view::npos;
  std::string text = "* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft)\r\n";
  text += "* OK [PERMANENTFLAGS ()] read-only\r\n";
  text += "* " + std::to_string(folder.messages().size()) + " EXISTS\r\n* 0 RECENT\r\n";
  text += "* OK [UIDVALIDITY " + std::to_string(folder.uid_validity) + "] valid\r\n";
  text += "* OK [UIDNEXT " + std::to_string(folder.uid_next) + "] next\r\n";
  if (view->condstore) {
    text += "* OK [HIGHESTMODSEQ " + std::to_string(HighestModseq(server, folder)) + "] modseq\r\n";
  }
  return resynchronizes ? text + Resynchronize(server, folder, parameters) : text;
}

std::string NewsAnswers(const ScriptedFolder& folder, FolderView* view) {
  std::string text;
  const UidSet gone = VanishedSince(folder, view->modseq);
  if (!gone.empty() && view->enabled.count("QRESYNC") > 0) {
    text += "* VANISHED " + gone.ToSequenceSet() + "\r\n";
  } else {
    for (uint64_t i = 0; i < gone.size(); ++i) {
      text += "* 1 EXPUNGE\r\n";  // Which one does not matter to clients that go by UID.
    }
  }
  if (folder.messages().size() != view->messages - std::min(view->messages, gone.size())) {
    text += "* " + std::to_string(folder.messages().size()) + " EXISTS\r\n";
  }
  size_t sequence = 0;
  for (const ScriptedMessage& message : folder.messages()) {
    ++sequence;
    if (message.modseq > view->modseq) {
      text += FlagNews(message, sequence, view->condstore);
    }
  }
  view->messages = folder.messages().size();
  view->modseq = folder.modseq;
  return text;
}

}  // namespace mailhaul::test_support
