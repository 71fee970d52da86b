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
#include "connectors/imap/imap_session.h"

namespace mailhaul::imap {

class ImapSession final : public SourceSession {
 public:
  ImapSession(std::unique_ptr<Connection> connection, Capabilities capabilities,
              const SessionOptions& options)
      : connection_(std::move(connection)),
        capabilities_(std::move(capabilities)),
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
  void StopWaiting() override {}
  void Abort() override;
  net::Task<void> Close() override;

 private:
  // Remembers a failure that ends the session.
  void Note(const Status& outcome);

  std::unique_ptr<Connection> connection_;
  const Capabilities capabilities_;
  const SessionOptions options_;
  const size_t set_bytes_max_;
  bool asked_namespaces_ = false;
  Status ended_;  // Why the session can no longer be used.
};

}  // namespace mailhaul::imap
