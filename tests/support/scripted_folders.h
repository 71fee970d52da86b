// What a scripted IMAP server says about folders: LIST, STATUS, EXAMINE, and news of the open one.
#pragma once

#include <set>
#include <string>
#include <string_view>

#include "tests/support/scripted_mail_server.h"

namespace mailhaul::test_support {

// What one connection has switched on, and been told about the folder it has open.
struct FolderView {
  std::string name;  // Empty: none is open.
  uint32_t uid_validity = 0;
  size_t messages = 0;
  uint64_t modseq = 0;
  bool condstore = false;
  std::set<std::string> enabled;  // By ENABLE.
};

// A quoted string, never an atom, so that no name can be mistaken for syntax.
std::string Quote(std::string_view text);

// The untagged answers to LIST; `arguments` tells whether roles and statuses are wanted.
std::string ListAnswers(const ScriptedMailServer& server, const ScriptedAccount& account,
                        std::string_view arguments);

// The untagged answer to STATUS; `items`: "(MESSAGES UIDNEXT)".
std::string StatusAnswer(const ScriptedMailServer& server, const std::string& name,
                         const ScriptedFolder& folder, std::string_view items);

// The untagged answers to EXAMINE of `folder`, which `view` then shows. `parameters`: what follows
// the name: " (QRESYNC (1 5))".
std::string OpenAnswers(const ScriptedMailServer& server, const std::string& name,
                        const ScriptedFolder& folder, std::string_view parameters,
                        FolderView* view);

// What has happened in `folder` since `view` was told, which then is up to date.
std::string NewsAnswers(const ScriptedFolder& folder, FolderView* view);

}  // namespace mailhaul::test_support
