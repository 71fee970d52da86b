#include "connectors/imap/session.h"

#include <algorithm>
#include <utility>

#include "connectors/imap/commands.h"
#include "connectors/imap/login.h"
#include "connectors/net/loop.h"

namespace mailhaul::imap {
namespace {

bool EndsSession(const Status& outcome) {
  switch (outcome.code()) {
    case Code::kOk:
    case Code::kServerRefused:
    case Code::kNotFound:
    case Code::kMessageRejected:
      return false;
    default:
      return true;
  }
}

}  // namespace

net::Task<Result<std::unique_ptr<SourceSession>>> OpenImapSession(
    Dialer& dialer, ServerAddress server, Credentials credentials,
    std::optional<net::IpAddress> egress, SessionOptions options) {
  CO_TRY(LoggedIn login,
         Establish(dialer, std::move(server), std::move(credentials), egress, options));
  co_return std::unique_ptr<SourceSession>(
      std::make_unique<ImapSession>(std::move(login), options));
}

void ImapSession::Note(const Status& outcome) {
  if (ended_.ok() && EndsSession(outcome)) {
    ended_ = outcome;
  }
}

net::Task<Status> ImapSession::Begin() {
  if (!ended_.ok()) {
    co_return ended_;
  }
  if (!list_tag_.empty()) {
    // Nobody wants the folders that were asked for with the login.
    IgnoreUntagged ignore;
    const Result<Response> done =
        co_await connection_->Await(std::exchange(list_tag_, std::string()), ignore);
    if (!done.ok()) {
      Note(done.status());
      co_return done.status();
    }
  }
  if (!status_tags_.empty()) {
    const Result<bool> unchanged = co_await Confirm();
    if (!unchanged.ok()) {
      co_return unchanged.status();
    }
  }
  if (const Status stays = CheckStays(); !stays.ok()) {
    co_return stays;
  }
  if (!std::exchange(introduced_, true)) {
    Introduce(capabilities_, options_, connection_.get());
  }
  co_return Status::Ok();
}

net::Task<Status> ImapSession::CompressFor(std::span<const MessageMeta> messages) {
  uint64_t bytes = 0;
  for (const MessageMeta& meta : messages) {
    bytes += std::min(meta.size, kCompressFromBytes);
  }
  if (!options_.compress || compress_asked_ || bytes < kCompressFromBytes ||
      !capabilities_.Has("COMPRESS=DEFLATE")) {
    co_return Status::Ok();
  }
  compress_asked_ = true;
  co_return co_await Compress(*connection_);
}

net::Task<Result<bool>> ImapSession::Confirm() {
  std::vector<std::string> tags = std::exchange(status_tags_, {});
  Result<bool> unchanged =
      co_await ConfirmStatuses(*connection_, capabilities_, std::move(tags), *options_.folders);
  Note(unchanged.status());
  co_return unchanged;
}

Status ImapSession::CheckStays() {
  if (!logout_tag_.empty()) {
    left_with_news_ = true;
    ended_ = Status(Code::kCancelled, "the session has left, as it was told to");
  }
  return ended_;
}

void ImapSession::RememberFolders(const std::vector<FolderInfo>& folders) {
  if (options_.folders == nullptr) {
    return;
  }
  const bool few = folders.size() <= kRememberedFoldersMax &&
                   std::all_of(folders.begin(), folders.end(),
                               [](const FolderInfo& folder) { return folder.status.has_value(); });
  options_.folders->folders = few ? folders : std::vector<FolderInfo>();
  options_.folders->listed_at = net::Loop::Current()->Now();
}

net::Task<Result<std::vector<FolderInfo>>> ImapSession::ListFolders(bool with_status) {
  if (!ended_.ok()) {
    co_return ended_;
  }
  if (!status_tags_.empty()) {
    CO_TRY(const bool unchanged, Confirm());
    if (unchanged && with_status) {
      co_return options_.folders->folders;
    }
  }
  if (const Status stays = CheckStays(); !stays.ok()) {
    co_return stays;
  }
  Result<std::vector<FolderInfo>> folders = co_await imap::ListFolders(
      *connection_, capabilities_, with_status, std::exchange(list_tag_, std::string()));
  Note(folders.status());
  if (folders.ok() && with_status) {
    RememberFolders(*folders);
  }
  co_return folders;
}

net::Task<Result<OpenedFolder>> ImapSession::OpenFolder(const FolderInfo& folder,
                                                        const KnownFolder* known) {
  CO_RETURN_IF_ERROR(Begin());
  Result<OpenedFolder> opened =
      co_await Examine(*connection_, capabilities_, folder.wire_name, known);
  Note(opened.status());
  co_return opened;
}

net::Task<Result<UidSet>> ImapSession::ListUids(std::optional<WallTime> since) {
  CO_RETURN_IF_ERROR(Begin());
  Result<UidSet> uids =
      co_await SearchUids(*connection_, capabilities_, since, connection_->messages());
  Note(uids.status());
  co_return uids;
}

net::Task<Result<std::vector<MessageMeta>>> ImapSession::FetchMeta(const UidSet& uids) {
  CO_RETURN_IF_ERROR(Begin());
  Result<std::vector<MessageMeta>> metas =
      co_await FetchMetadata(*connection_, capabilities_, uids, set_bytes_max_);
  Note(metas.status());
  co_return metas;
}

net::Task<Status> ImapSession::FetchBodies(std::span<const MessageMeta> messages, BodySink& sink) {
  CO_RETURN_IF_ERROR(Begin());
  Status done = co_await CompressFor(messages);
  if (done.ok()) {
    done = co_await FetchMessageBodies(*connection_, options_, messages, sink);
  }
  if (!done.ok() && ended_.ok()) {
    ended_ = done;  // Whatever the sink's code is: answers are left unread.
  }
  co_return done;
}

net::Task<Result<std::vector<FlagState>>> ImapSession::FetchFlags(const UidSet& uids,
                                                                  uint64_t changed_since) {
  CO_RETURN_IF_ERROR(Begin());
  Result<std::vector<FlagState>> states =
      co_await FetchFlagStates(*connection_, capabilities_, uids, changed_since, set_bytes_max_);
  Note(states.status());
  co_return states;
}

net::Task<Status> ImapSession::FetchHeaders(const UidSet& uids, HeaderSink& sink) {
  CO_RETURN_IF_ERROR(Begin());
  Status done = co_await FetchMessageHeaders(*connection_, uids, sink, set_bytes_max_);
  Note(done);
  co_return done;
}

net::Task<Result<bool>> ImapSession::Poll() {
  CO_RETURN_IF_ERROR(Begin());
  Result<bool> news = co_await PollForNews(*connection_);
  Note(news.status());
  co_return news;
}

net::Task<Result<bool>> ImapSession::WaitForNews(Duration wait_max) {
  CO_RETURN_IF_ERROR(Begin());
  if (!capabilities_.Has("IDLE")) {
    co_return Status(Code::kServerRefused, "the server has no IDLE");
  }
  Result<bool> news = co_await idle_.Run(*connection_, wait_max);
  Note(news.status());
  co_return news;
}

void ImapSession::StopWaiting() { idle_.Stop(); }

void ImapSession::Abort() {
  ended_ = Status(Code::kCancelled, "the session was aborted");
  connection_->Abort();
}

net::Task<void> ImapSession::Close() {
  if (ended_.ok() || left_with_news_) {
    co_await Logout(*connection_, std::exchange(logout_tag_, std::string()));
    ended_ = Status(Code::kCancelled, "the session was closed");
  }
  co_await connection_->Close();
}

}  // namespace mailhaul::imap
