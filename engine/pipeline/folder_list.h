// The folders of a mailbox: what the server lists, joined with what the store knows of each.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "connectors/connector.h"
#include "engine/pipeline/context.h"
#include "engine/pipeline/visit_folder.h"

namespace mailhaul::pipeline {

struct FolderList {
  std::vector<VisitFolder> folders;  // INBOX first: that is where people look.
  uint64_t vanished = 0;             // Messages of folders that have just left the list.
  uint64_t gone = 0;                 // Messages that were gone before.
};

// Takes what the server lists (SourceSession::ListFolders() with statuses), leaves out what
// `exclude` names (folder names or roles, case-insensitive), and onboards what is new. A folder
// that the server no longer has takes its messages along: they are marked as gone, unless the
// server lists no INBOX, which no mail server does in earnest.
net::Task<Result<FolderList>> JoinFolders(Context& context, MailboxId mailbox,
                                          std::vector<FolderInfo> listed,
                                          const std::vector<std::string>& exclude);

}  // namespace mailhaul::pipeline
