#include "engine/pipeline/uidl_lookup.h"

#include <algorithm>
#include <functional>

#include "engine/pipeline/await_on.h"

namespace mailhaul::pipeline {

Result<std::vector<Uid>> UidlLookup::Read(std::span<const pop3::UidlKey> keys) const {
  if (mailbox_.has_value()) {
    MH_ASSIGN_OR_RETURN(const std::vector<store::FolderRecord> folders,
                        store_.ListFolders(*mailbox_));
    const auto inbox =
        std::find_if(folders.begin(), folders.end(),
                     [](const store::FolderRecord& folder) { return folder.name == "INBOX"; });
    if (inbox != folders.end()) {
      return store_.FindUidls(*mailbox_, inbox->id, keys);
    }
  }
  return std::vector<Uid>(keys.size(), 0);
}

net::Task<Result<std::vector<Uid>>> UidlLookup::Find(std::span<const pop3::UidlKey> keys) {
  using Found = Result<std::vector<Uid>>;
  std::function<Found()> read = [this, keys] { return Read(keys); };
  CO_TRY(std::vector<Uid> uids, RunOn<Found>(reads_, std::move(read)));
  for (size_t i = 0; i < keys.size(); ++i) {
    known_max_ = std::max(known_max_, uids[i]);
    const auto known = uids[i] == 0 ? new_.find(keys[i]) : new_.end();
    uids[i] = known == new_.end() ? uids[i] : known->second;
  }
  co_return uids;
}

net::Task<Result<std::vector<Uid>>> UidlLookup::Assign(std::span<const pop3::UidlKey> keys) {
  CO_TRY(std::vector<Uid> uids, Find(keys));
  for (size_t i = 0; i < keys.size(); ++i) {
    if (uids[i] != 0) {
      continue;
    }
    if (next_new_ <= known_max_) {
      co_return Status(Code::kResourceExhausted, "all numbers for messages are used up");
    }
    uids[i] = new_.emplace(keys[i], next_new_--).first->second;
  }
  co_return uids;
}

net::Task<Status> UidlLookup::Bind(std::span<const pop3::UidlKey> keys, std::span<const Uid> uids) {
  for (size_t i = 0; i < keys.size(); ++i) {
    new_[keys[i]] = uids[i];
  }
  co_return Status::Ok();
}

}  // namespace mailhaul::pipeline
