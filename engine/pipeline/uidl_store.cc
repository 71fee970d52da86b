#include "engine/pipeline/uidl_store.h"

#include <functional>
#include <utility>

#include "connectors/connector.h"
#include "engine/pipeline/await_on.h"

namespace mailhaul::pipeline {

Result<store::FolderId> UidlStore::Inbox() const {
  return context_.store.EnsureFolder(mailbox_, "INBOX", ToString(FolderRole::kInbox));
}

net::Task<Result<std::vector<Uid>>> UidlStore::Assign(std::span<const pop3::UidlKey> keys) {
  using Assigned = Result<std::vector<Uid>>;
  std::function<Assigned()> assign = [this, keys]() -> Assigned {
    MH_ASSIGN_OR_RETURN(const store::FolderId inbox, Inbox());
    return context_.store.AssignUidls(mailbox_, inbox, keys, context_.clock.WallNow());
  };
  co_return co_await RunOn<Assigned>(context_.committer, std::move(assign));
}

net::Task<Result<std::vector<Uid>>> UidlStore::Find(std::span<const pop3::UidlKey> keys) {
  using Found = Result<std::vector<Uid>>;
  // On the committer too: the folder may be new.
  std::function<Found()> find = [this, keys]() -> Found {
    MH_ASSIGN_OR_RETURN(const store::FolderId inbox, Inbox());
    return context_.store.FindUidls(mailbox_, inbox, keys);
  };
  co_return co_await RunOn<Found>(context_.committer, std::move(find));
}

net::Task<Status> UidlStore::Bind(std::span<const pop3::UidlKey> keys, std::span<const Uid> uids) {
  std::function<Status()> bind = [this, keys, uids]() -> Status {
    MH_ASSIGN_OR_RETURN(const store::FolderId inbox, Inbox());
    return context_.store.BindUidls(mailbox_, inbox, keys, uids, context_.clock.WallNow());
  };
  co_return co_await RunOn<Status>(context_.committer, std::move(bind));
}

}  // namespace mailhaul::pipeline
