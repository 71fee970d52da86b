// The SourceSession over a logged-in Connection: remembers whether the connection is still usable,
// and hands each call to its command (commands.h).
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "connectors/imap/capabilities.h"
#include "connectors/imap/connection.h"
#include "connectors/imap/fetch_plan.h"
#include "connectors/imap/idle.h"
#include "connectors/imap/imap_session.h"
#include "connectors/imap/login.h"

namespace mailhaul::imap {

class ImapSession final : public SourceSession {
 public:
  ImapSession(LoggedIn login, const SessionOptions& options)
      : connection_(std::move(login.connection)),
        capabilities_(std::move(login.capabilities)),
        list_tag_(std::move(login.list_tag)),
        status_tags_(std::move(login.status_tags)),
        logout_tag_(std::move(login.logout_tag)),
        introduced_(login.introduced),
        options_(options),
        set_bytes_max_(UidSetBytes(options.command_bytes_max)) {}

  net::Task<Result<std::vector<FolderInfo>>> ListFolders(bool with_status) override;
  net::Task<Result<OpenedFolder>> OpenFolder(const FolderInfo& folder,
                                             const KnownFolder* known) override;
  net::Task<Result<UidSet>> ListUids(std::optional<WallTime> since) override;
  net::Task<Result<std::vector<MessageMeta>>> FetchMeta(const UidSet& uids) override;
  net::Task<Status> FetchBodies(std::span<const MessageMeta> messages, BodySink& sink) override;
  net::Task<Result<std::vector<FlagState>>> FetchFlags(const UidSet& uids,
                                                       uint64_t changed_since) override;
  net::Task<Status> FetchHeaders(const UidSet& uids, HeaderSink& sink) override;
  net::Task<Result<bool>> Poll() override;
  net::Task<Result<bool>> WaitForNews(Duration wait_max) override;
  void StopWaiting() override;
  bool folders_are_labels() const override { return capabilities_.labels(); }
  bool left_with_news() const override { return left_with_news_; }
  Status throttle_hint() const override { return connection_->throttle_hint(); }
  void Abort() override;
  net::Task<void> Close() override;

 private:
  // Before every call but ListFolders(): nothing is under way, and the server knows us.
  net::Task<Status> Begin();
  // Whether the statuses that are under way are as remembered.
  net::Task<Result<bool>> Confirm();
  // Before anything more is asked: fails where LOGOUT is on its way.
  Status CheckStays();
  void RememberFolders(const std::vector<FolderInfo>& folders);
  // Before many bytes come.
  net::Task<Status> CompressFor(std::span<const MessageMeta> messages);
  // Remembers a failure that ends the session.
  void Note(const Status& outcome);

  std::unique_ptr<Connection> connection_;
  const Capabilities capabilities_;
  std::string list_tag_;                  // Of a LIST that is under way since the login.
  std::vector<std::string> status_tags_;  // Or of a STATUS for each remembered folder.
  std::string logout_tag_;                // Of a LOGOUT behind these.
  bool left_with_news_ = false;
  bool introduced_;  // ID and ENABLE are sent, or go out with the next command.
  const SessionOptions options_;
  const size_t set_bytes_max_;
  IdleWait idle_;
  bool compress_asked_ = false;
  Status ended_;  // Why the session can no longer be used.
};

}  // namespace mailhaul::imap
