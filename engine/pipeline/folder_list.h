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
  std::vector<VisitFolder> folders;  // To be read; the one where mail arrives comes first.
  bool watchable = false;            // There is such a one: INBOX, or the one that labels show.
  uint64_t vanished = 0;             // Messages of folders that have just left the list.
  uint64_t gone = 0;                 // Messages that were gone before.
};

// Takes what the server lists (SourceSession::ListFolders() with statuses), leaves out what
// `exclude` names (folder names or roles, case-insensitive), and onboards what is new. A folder
// that the server no longer has takes its messages along: they are marked as gone, unless the
// server lists no INBOX, which no mail server does in earnest.
//
// Where folders are labels (SourceSession::folders_are_labels()), only the one of role "all", junk
// and trash are read: so each message is read once. The others are recorded with the counts that
// the server tells. If "all" is excluded, or not shown, all folders are read as on any other
// server.
net::Task<Result<FolderList>> JoinFolders(Context& context, MailboxId mailbox,
                                          std::vector<FolderInfo> listed, bool folders_are_labels,
                                          const std::vector<std::string>& exclude);

// The same choice alone: of what the server lists, the folders that are read.
std::vector<FolderInfo> FoldersToRead(const std::vector<FolderInfo>& listed,
                                      bool folders_are_labels,
                                      const std::vector<std::string>& exclude);

}  // namespace mailhaul::pipeline
