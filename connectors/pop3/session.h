// The SourceSession over a logged-in Connection: remembers whether the connection is still usable,
// and hands each call to its command (commands.h).
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "connectors/pop3/commands.h"
#include "connectors/pop3/connection.h"
#include "connectors/pop3/maildrop.h"

namespace mailhaul::pop3 {

class Pop3Session final : public SourceSession {
 public:
  Pop3Session(std::unique_ptr<Connection> connection, const ServerTraits& traits,
              UidlDirectory& directory)
      : connection_(std::move(connection)), traits_(traits), directory_(directory) {}

  net::Task<Result<std::vector<FolderInfo>>> ListFolders(bool with_status) override;
  net::Task<Result<OpenedFolder>> OpenFolder(const FolderInfo& folder,
                                             const KnownFolder* known) override;
  net::Task<Result<UidSet>> ListUids(std::optional<WallTime> since) override;
  net::Task<Result<std::vector<MessageMeta>>> FetchMeta(const UidSet& uids) override;
  net::Task<Result<std::vector<FlagState>>> FetchFlags(const UidSet& uids,
                                                       uint64_t changed_since) override;
  net::Task<Status> FetchHeaders(const UidSet& uids, HeaderSink& sink) override;
  net::Task<Status> FetchBodies(std::span<const MessageMeta> messages, BodySink& sink) override;
  net::Task<Result<bool>> Poll() override;
  net::Task<Result<bool>> WaitForNews(Duration wait_max) override;
  void StopWaiting() override {}
  bool listing_is_complete() const override { return false; }
  void Abort() override;
  net::Task<void> Close() override;

 private:
  // Remembers a failure that ends the session.
  void Note(const Status& outcome);
  // Why a call that needs the open folder cannot be done.
  Status Ready() const;

  std::unique_ptr<Connection> connection_;
  ServerTraits traits_;
  UidlDirectory& directory_;
  std::optional<Maildrop> maildrop_;  // Since the first OpenFolder(): a session sees no other.
  bool open_ = false;
  Status ended_;  // Why the session can no longer be used.
};

}  // namespace mailhaul::pop3
