#include "engine/pipeline/folder_list.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <utility>

#include "base/text.h"
#include "engine/pipeline/await_on.h"

namespace mailhaul::pipeline {
namespace {

using Records = Result<std::vector<store::FolderRecord>>;
using RecordsByName = std::map<std::string, store::FolderRecord, std::less<>>;

bool IsExcluded(const std::vector<std::string>& exclude, const FolderInfo& folder) {
  return std::any_of(exclude.begin(), exclude.end(), [&folder](const std::string& pattern) {
    return EqualsIgnoreCase(pattern, folder.name) ||
           (folder.role != FolderRole::kNone && EqualsIgnoreCase(pattern, ToString(folder.role)));
  });
}

using Names = std::set<std::string, std::less<>>;

bool HoldsMessages(const FolderInfo& folder) {
  return folder.role == FolderRole::kAll || folder.role == FolderRole::kJunk ||
         folder.role == FolderRole::kTrash;
}

// Folders that show what lies in another one.
Names LabelsAmong(const std::vector<FolderInfo>& folders) {
  Names labels;
  const auto is_all = [](const FolderInfo& each) { return each.role == FolderRole::kAll; };
  if (std::none_of(folders.begin(), folders.end(), is_all)) {
    return labels;
  }
  for (const FolderInfo& folder : folders) {
    if (!HoldsMessages(folder)) {
      labels.insert(folder.name);
    }
  }
  return labels;
}

RecordsByName ByName(std::vector<store::FolderRecord> records) {
  RecordsByName by_name;
  for (store::FolderRecord& record : records) {
    std::string name = record.name;
    by_name.emplace(std::move(name), std::move(record));
  }
  return by_name;
}

bool AllKnown(const std::vector<FolderInfo>& listed, const Names& labels,
              const RecordsByName& known) {
  return std::all_of(listed.begin(), listed.end(), [&](const FolderInfo& folder) {
    const auto it = known.find(folder.name);
    return it != known.end() && it->second.listed && it->second.role == ToString(folder.role) &&
           it->second.is_label == labels.contains(folder.name);
  });
}

// Known folders that the server has no more; none when the server does not list its INBOX either.
// One that was read and is a label now holds no messages any more. And what was missing before, if
// the process died over it.
std::vector<store::FolderId> Missing(const std::vector<FolderInfo>& listed, const Names& labels,
                                     const RecordsByName& known) {
  std::set<std::string_view> names;
  bool inbox = false;
  for (const FolderInfo& folder : listed) {
    names.insert(folder.name);
    inbox = inbox || folder.role == FolderRole::kInbox;
  }
  std::vector<store::FolderId> missing;
  for (const auto& [name, record] : known) {
    const bool read_before = !record.is_label && labels.contains(name);
    const bool is_missing = inbox && record.listed && (!names.contains(name) || read_before);
    const bool is_unfinished = !record.listed && record.uid_validity != 0;
    if (is_missing || is_unfinished) {
      missing.push_back(record.id);
    }
  }
  return missing;
}

net::Task<Records> ReadRecords(Context& context, MailboxId mailbox) {
  std::function<Records()> read = [&context, mailbox] {
    return context.store.ListFolders(mailbox);
  };
  co_return co_await RunOn<Records>(context.reads, std::move(read));
}

net::Task<Records> Onboard(Context& context, MailboxId mailbox,
                           const std::vector<FolderInfo>& listed, const Names& labels) {
  std::vector<store::MailStore::NewFolder> folders;
  for (const FolderInfo& folder : listed) {
    folders.push_back({.name = folder.name,
                       .role = std::string(ToString(folder.role)),
                       .is_label = labels.contains(folder.name)});
  }
  std::function<Records()> ensure = [&context, mailbox, moved = std::move(folders)]() -> Records {
    MH_ASSIGN_OR_RETURN([[maybe_unused]] const std::vector<store::FolderId> ids,
                        context.store.EnsureFolders(mailbox, moved));
    return context.store.ListFolders(mailbox);
  };
  co_return co_await RunOn<Records>(context.committer, std::move(ensure));
}

net::Task<Result<uint64_t>> MarkGone(Context& context, MailboxId mailbox,
                                     std::vector<store::FolderId> folders) {
  std::function<Result<uint64_t>()> mark = [&context, mailbox,
                                            moved = std::move(folders)]() -> Result<uint64_t> {
    uint64_t gone = 0;
    for (const store::FolderId folder : moved) {
      MH_ASSIGN_OR_RETURN(const uint64_t messages, context.store.MarkFolderGone(mailbox, folder));
      gone += messages;
    }
    return gone;
  };
  co_return co_await RunOn<Result<uint64_t>>(context.committer, std::move(mark));
}

// The server's counts of labels, in one commit.
net::Task<Status> SaveLabelCounts(Context& context, MailboxId mailbox,
                                  const std::vector<FolderInfo>& listed,
                                  const RecordsByName& known) {
  std::vector<store::FolderRecord> changed;
  for (const FolderInfo& folder : listed) {
    const store::FolderRecord& record = known.find(folder.name)->second;
    if (!record.is_label || !folder.status.has_value() ||
        (record.source_messages == folder.status->messages &&
         record.source_unseen == folder.status->unseen)) {
      continue;
    }
    changed.push_back(record);
    changed.back().source_messages = folder.status->messages;
    changed.back().source_unseen = folder.status->unseen;
  }
  if (changed.empty()) {
    co_return Status::Ok();
  }
  std::function<Status()> save = [&context, mailbox, records = std::move(changed)] {
    return context.store.SaveFolders(mailbox, records);
  };
  co_return co_await RunOn<Status>(context.committer, std::move(save));
}

std::vector<FolderInfo> WithoutExcluded(const std::vector<FolderInfo>& listed,
                                        const std::vector<std::string>& exclude) {
  std::vector<FolderInfo> wanted;
  std::copy_if(listed.begin(), listed.end(), std::back_inserter(wanted),
               [&exclude](const FolderInfo& folder) { return !IsExcluded(exclude, folder); });
  return wanted;
}

FolderList ToList(std::vector<FolderInfo> listed, const RecordsByName& known, uint64_t gone) {
  FolderList list;
  list.gone = gone;
  bool has_labels = false;
  for (FolderInfo& info : listed) {
    const store::FolderRecord& record = known.find(info.name)->second;
    if (record.is_label) {
      has_labels = true;
      continue;
    }
    VisitFolder folder;
    folder.info = std::move(info);
    folder.record = record;
    list.folders.push_back(std::move(folder));
  }
  const FolderRole arrivals = has_labels ? FolderRole::kAll : FolderRole::kInbox;
  std::stable_partition(
      list.folders.begin(), list.folders.end(),
      [arrivals](const VisitFolder& folder) { return folder.info.role == arrivals; });
  list.watchable = !list.folders.empty() && list.folders.front().info.role == arrivals;
  return list;
}

}  // namespace

net::Task<Result<FolderList>> JoinFolders(Context& context, MailboxId mailbox,
                                          std::vector<FolderInfo> listed, bool folders_are_labels,
                                          const std::vector<std::string>& exclude) {
  CO_TRY(std::vector<store::FolderRecord> records, ReadRecords(context, mailbox));
  RecordsByName known = ByName(std::move(records));
  uint64_t gone = 0;
  for (const auto& [name, record] : known) {
    gone += record.gone;
  }
  std::vector<FolderInfo> wanted = WithoutExcluded(listed, exclude);
  const Names labels = folders_are_labels ? LabelsAmong(wanted) : Names();
  uint64_t vanished = 0;
  std::vector<store::FolderId> missing = Missing(listed, labels, known);
  const bool any_missing = !missing.empty();
  if (any_missing) {
    CO_TRY(vanished, MarkGone(context, mailbox, std::move(missing)));
  }
  if (any_missing || !AllKnown(wanted, labels, known)) {
    CO_TRY(std::vector<store::FolderRecord> onboarded, Onboard(context, mailbox, wanted, labels));
    known = ByName(std::move(onboarded));
  }
  CO_RETURN_IF_ERROR(SaveLabelCounts(context, mailbox, wanted, known));
  FolderList list = ToList(std::move(wanted), known, gone);
  list.vanished = vanished;
  co_return list;
}

std::vector<FolderInfo> FoldersToRead(const std::vector<FolderInfo>& listed,
                                      bool folders_are_labels,
                                      const std::vector<std::string>& exclude) {
  std::vector<FolderInfo> wanted = WithoutExcluded(listed, exclude);
  if (folders_are_labels) {
    const Names labels = LabelsAmong(wanted);
    std::erase_if(wanted,
                  [&labels](const FolderInfo& folder) { return labels.contains(folder.name); });
  }
  return wanted;
}

}  // namespace mailhaul::pipeline
