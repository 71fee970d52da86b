#include "connectors/imap/session.h"

#include <array>
#include <utility>

#include "connectors/imap/commands.h"
#include "connectors/imap/login.h"
#include "connectors/net/loop.h"

namespace mailhaul::imap {
namespace {

net::Task<Result<Capabilities>> Establish(Dialer& dialer, ServerAddress server,
                                          const Credentials& credentials,
                                          const SessionOptions& options,
                                          std::unique_ptr<Connection>* connection) {
  // One deadline for all of it: a server cannot drag out a login byte by byte. The handshake after
  // STARTTLS has the dialer's own.
  const TimePoint deadline = net::Loop::Current()->Now() + options.command_timeout;
  (*connection)->SetOverallDeadline(deadline);
  CO_TRY(Greeting greeting, ReadGreeting(**connection));
  const bool preauthenticated = greeting.preauthenticated;
  Capabilities capabilities = greeting.capabilities;
  if (server.security == Security::kStartTls) {
    CO_RETURN_IF_ERROR(StartTls(dialer, std::move(server), std::move(greeting),
                                options.command_timeout, connection));
    (*connection)->SetOverallDeadline(deadline);
    capabilities = Capabilities();
  }
  if (!capabilities.known()) {
    CO_TRY(capabilities, AskCapabilities(**connection));
  }
  if (!preauthenticated) {
    CO_TRY(capabilities, Login(**connection, std::move(capabilities), credentials));
  }
  (*connection)->SetOverallDeadline(TimePoint::max());
  co_return capabilities;
}

// What goes out with the first command after the login.
void PrepareSession(const Capabilities& capabilities, const SessionOptions& options,
                    Connection* connection) {
  if (capabilities.Has("ID") || options.id_before_select) {
    SendId(connection);
  }
  const std::array<const char*, 3> wanted = {"QRESYNC", "CONDSTORE", "UTF8=ACCEPT"};
  std::vector<std::string> names;
  for (const char* name : wanted) {
    if (capabilities.Has(name)) {
      names.emplace_back(name);
    }
  }
  if (capabilities.Has("ENABLE") && !names.empty()) {
    connection->Enable(std::move(names));
  }
}

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
  CO_TRY(std::unique_ptr<net::Stream> stream, dialer.Dial(server, egress));
  if (server.security == Security::kTls && !stream->secure()) {
    co_await stream->Close();
    co_return Status(Code::kTlsFailed, "the connection has no verified TLS");
  }
  auto connection = std::make_unique<Connection>(std::move(stream), options.command_timeout);
  Result<Capabilities> capabilities =
      co_await Establish(dialer, server, credentials, options, &connection);
  if (!capabilities.ok()) {
    if (connection != nullptr) {
      co_await connection->Close();
    }
    co_return capabilities.status();
  }
  capabilities->Remove(options.broken);
  PrepareSession(*capabilities, options, connection.get());
  co_return std::unique_ptr<SourceSession>(
      std::make_unique<ImapSession>(std::move(connection), std::move(*capabilities), options));
}

void ImapSession::Note(const Status& outcome) {
  if (ended_.ok() && EndsSession(outcome)) {
    ended_ = outcome;
  }
}

net::Task<Result<std::vector<FolderInfo>>> ImapSession::ListFolders(bool with_status) {
  if (!ended_.ok()) {
    co_return ended_;
  }
  if (capabilities_.Has("NAMESPACE") && !asked_namespaces_) {
    asked_namespaces_ = true;
    connection_->SendAside(PlainCommand(connection_->NextTag(), "NAMESPACE"));
  }
  Result<std::vector<FolderInfo>> folders =
      co_await imap::ListFolders(*connection_, capabilities_, with_status);
  Note(folders.status());
  co_return folders;
}

net::Task<Result<OpenedFolder>> ImapSession::OpenFolder(const FolderInfo& folder,
                                                        const KnownFolder* known) {
  if (!ended_.ok()) {
    co_return ended_;
  }
  Result<OpenedFolder> opened =
      co_await Examine(*connection_, capabilities_, folder.wire_name, known);
  Note(opened.status());
  co_return opened;
}

net::Task<Result<UidSet>> ImapSession::ListUids(std::optional<WallTime> since) {
  if (!ended_.ok()) {
    co_return ended_;
  }
  Result<UidSet> uids =
      co_await SearchUids(*connection_, capabilities_, since, connection_->messages());
  Note(uids.status());
  co_return uids;
}

net::Task<Result<std::vector<MessageMeta>>> ImapSession::FetchMeta(const UidSet& uids) {
  if (!ended_.ok()) {
    co_return ended_;
  }
  Result<std::vector<MessageMeta>> metas =
      co_await FetchMetadata(*connection_, capabilities_, uids, set_bytes_max_);
  Note(metas.status());
  co_return metas;
}

net::Task<Status> ImapSession::FetchBodies(std::span<const MessageMeta> messages, BodySink& sink) {
  if (!ended_.ok()) {
    co_return ended_;
  }
  Status done = co_await FetchMessageBodies(*connection_, options_, messages, sink);
  if (!done.ok() && ended_.ok()) {
    ended_ = done;  // Whatever the sink's code is: answers are left unread.
  }
  co_return done;
}

net::Task<Result<std::vector<FlagState>>> ImapSession::FetchFlags(const UidSet& uids,
                                                                  uint64_t changed_since) {
  if (!ended_.ok()) {
    co_return ended_;
  }
  Result<std::vector<FlagState>> states =
      co_await FetchFlagStates(*connection_, capabilities_, uids, changed_since, set_bytes_max_);
  Note(states.status());
  co_return states;
}

net::Task<Status> ImapSession::FetchHeaders(const UidSet& uids, HeaderSink& sink) {
  if (!ended_.ok()) {
    co_return ended_;
  }
  Status done = co_await FetchMessageHeaders(*connection_, uids, sink, set_bytes_max_);
  Note(done);
  co_return done;
}

net::Task<Result<bool>> ImapSession::Poll() {
  if (!ended_.ok()) {
    co_return ended_;
  }
  Result<bool> news = co_await PollForNews(*connection_);
  Note(news.status());
  co_return news;
}

net::Task<Result<bool>> ImapSession::WaitForNews(Duration /*wait_max*/) {
  co_return Status(Code::kServerRefused, "the server has no IDLE");
}

void ImapSession::Abort() {
  ended_ = Status(Code::kCancelled, "the session was aborted");
  connection_->Abort();
}

net::Task<void> ImapSession::Close() {
  if (ended_.ok()) {
    co_await Logout(*connection_);
    ended_ = Status(Code::kCancelled, "the session was closed");
  }
  co_await connection_->Close();
}

}  // namespace mailhaul::imap
