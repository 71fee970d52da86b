#include "engine/pipeline/folder_list.h"

#include <algorithm>
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

RecordsByName ByName(std::vector<store::FolderRecord> records) {
  RecordsByName by_name;
  for (store::FolderRecord& record : records) {
    std::string name = record.name;
    by_name.emplace(std::move(name), std::move(record));
  }
  return by_name;
}

bool AllKnown(const std::vector<FolderInfo>& listed, const RecordsByName& known) {
  return std::all_of(listed.begin(), listed.end(), [&known](const FolderInfo& folder) {
    const auto it = known.find(folder.name);
    return it != known.end() && it->second.listed && it->second.role == ToString(folder.role);
  });
}

// Known folders that the server has no more; none when the server does not list its INBOX either.
std::vector<store::FolderId> Missing(const std::vector<FolderInfo>& listed,
                                     const RecordsByName& known) {
  std::set<std::string_view> names;
  bool inbox = false;
  for (const FolderInfo& folder : listed) {
    names.insert(folder.name);
    inbox = inbox || folder.role == FolderRole::kInbox;
  }
  std::vector<store::FolderId> missing;
  for (const auto& [name, record] : known) {
    if (inbox && record.listed && !names.contains(name)) {
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
                           const std::vector<FolderInfo>& listed) {
  std::vector<store::MailStore::NewFolder> folders;
  for (const FolderInfo& folder : listed) {
    folders.push_back({.name = folder.name, .role = std::string(ToString(folder.role))});
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

}  // namespace

net::Task<Result<FolderList>> JoinFolders(Context& context, MailboxId mailbox,
                                          std::vector<FolderInfo> listed,
                                          const std::vector<std::string>& exclude) {
  CO_TRY(std::vector<store::FolderRecord> records, ReadRecords(context, mailbox));
  RecordsByName known = ByName(std::move(records));
  FolderList list;
  for (const auto& [name, record] : known) {
    list.gone += record.gone;
  }
  std::vector<store::FolderId> missing = Missing(listed, known);
  if (!missing.empty()) {
    CO_TRY(list.vanished, MarkGone(context, mailbox, std::move(missing)));
  }
  std::erase_if(listed,
                [&exclude](const FolderInfo& folder) { return IsExcluded(exclude, folder); });
  if (!AllKnown(listed, known)) {
    CO_TRY(std::vector<store::FolderRecord> onboarded, Onboard(context, mailbox, listed));
    known = ByName(std::move(onboarded));
  }
  for (FolderInfo& info : listed) {
    const auto it = known.find(info.name);
    MH_CHECK(it != known.end());
    VisitFolder folder;
    folder.info = std::move(info);
    folder.record = it->second;
    list.folders.push_back(std::move(folder));
  }
  std::stable_partition(list.folders.begin(), list.folders.end(), [](const VisitFolder& folder) {
    return folder.info.role == FolderRole::kInbox;
  });
  co_return list;
}

}  // namespace mailhaul::pipeline
