#include "connectors/pop3/session.h"

#include <utility>

#include "base/text.h"
#include "connectors/net/loop.h"
#include "connectors/pop3/login.h"
#include "connectors/pop3/pop3_session.h"
#include "connectors/pop3/refusal.h"

namespace mailhaul::pop3 {
namespace {

constexpr std::string_view kInbox = "INBOX";
constexpr uint32_t kUidValidity = 1;

net::Task<Result<Capabilities>> Establish(Dialer& dialer, Random& random, ServerAddress server,
                                          const Credentials& credentials,
                                          const SessionOptions& options,
                                          std::unique_ptr<Connection>* connection) {
  // One deadline for all of it: a server cannot drag out a login byte by byte. The handshake after
  // STLS has the dialer's own.
  const TimePoint deadline = net::Loop::Current()->Now() + options.command_timeout;
  (*connection)->SetOverallDeadline(deadline);
  CO_TRY(Greeting greeting, ReadGreeting(**connection));
  if (server.security == Security::kStartTls) {
    CO_RETURN_IF_ERROR(StartTls(dialer, server, options.command_timeout, connection));
    (*connection)->SetOverallDeadline(deadline);
    greeting = Greeting();
  }
  CO_TRY(Capabilities capabilities, AskCapabilities(**connection));
  CO_RETURN_IF_ERROR(AskForUtf8(**connection, capabilities));
  CO_RETURN_IF_ERROR(Login(**connection, capabilities, greeting, server, credentials, random));
  if (capabilities.depends_on_user()) {
    CO_TRY(capabilities, AskCapabilities(**connection));
  }
  (*connection)->SetOverallDeadline(TimePoint::max());
  co_return capabilities;
}

ServerTraits TraitsOf(const Capabilities& capabilities, const SessionOptions& options) {
  ServerTraits traits;
  traits.pipelined = capabilities.Has("PIPELINING");
  traits.body_bytes_max = options.body_bytes_max;
  if (capabilities.known()) {
    traits.top = capabilities.Has("TOP") ? TopSupport::kYes : TopSupport::kNo;
  }
  return traits;
}

bool EndsSession(const Status& outcome) {
  return !outcome.ok() && outcome.code() != Code::kServerRefused;
}

}  // namespace

net::Task<Result<OpenedPop3Session>> OpenPop3Session(Dialer& dialer, UidlDirectory& directory,
                                                     Random& random, ServerAddress server,
                                                     Credentials credentials,
                                                     std::optional<net::IpAddress> egress,
                                                     SessionOptions options) {
  CO_TRY(std::unique_ptr<net::Stream> stream, dialer.Dial(server, egress));
  if (server.security == Security::kTls && !stream->secure()) {
    co_await stream->Close();
    co_return Status(Code::kTlsFailed, "the connection has no verified TLS");
  }
  auto connection = std::make_unique<Connection>(std::move(stream), options.command_timeout);
  const Result<Capabilities> capabilities =
      co_await Establish(dialer, random, server, credentials, options, &connection);
  if (!capabilities.ok()) {
    if (connection != nullptr) {
      co_await connection->Close();
    }
    co_return capabilities.status();
  }
  OpenedPop3Session opened;
  opened.login_delay = capabilities->login_delay();
  opened.expire_days = capabilities->expire_days();
  opened.session = std::make_unique<Pop3Session>(std::move(connection),
                                                 TraitsOf(*capabilities, options), directory);
  co_return opened;
}

void Pop3Session::Note(const Status& outcome) {
  if (ended_.ok() && EndsSession(outcome)) {
    ended_ = outcome;
  }
}

Status Pop3Session::Ready() const {
  if (ended_.ok() && !open_) {
    return {Code::kServerRefused, "no folder is open"};
  }
  return ended_;
}

net::Task<Result<std::vector<FolderInfo>>> Pop3Session::ListFolders(bool /*with_status*/) {
  if (!ended_.ok()) {
    co_return ended_;
  }
  open_ = false;
  FolderInfo inbox;
  inbox.name = kInbox;
  inbox.wire_name = kInbox;
  inbox.role = FolderRole::kInbox;
  co_return std::vector<FolderInfo>(1, inbox);
}

net::Task<Result<OpenedFolder>> Pop3Session::OpenFolder(const FolderInfo& folder,
                                                        const KnownFolder* /*known*/) {
  if (!ended_.ok()) {
    co_return ended_;
  }
  open_ = false;
  if (folder.wire_name != kInbox) {
    co_return Status(Code::kNotFound, "POP3 has no folder but INBOX");
  }
  if (!maildrop_.has_value()) {
    Result<Maildrop> maildrop = co_await IdentifyMessages(*connection_, traits_, directory_);
    if (!maildrop.ok()) {
      // Some commands of it may be unanswered: no failure is one of the command alone.
      ended_ = ended_.ok() ? maildrop.status() : ended_;
      co_return maildrop.status();
    }
    maildrop_ = std::move(maildrop).value();
  }
  open_ = true;
  OpenedFolder opened;
  opened.uid_validity = kUidValidity;
  opened.messages = static_cast<uint32_t>(maildrop_->messages().size());
  co_return opened;
}

net::Task<Result<UidSet>> Pop3Session::ListUids(std::optional<WallTime> since) {
  const Status ready = Ready();
  if (!ready.ok()) {
    co_return ready;
  }
  if (!since.has_value()) {
    co_return UidSet(maildrop_->uids());
  }
  const WallTime day = std::chrono::floor<std::chrono::days>(*since) - std::chrono::days(1);
  Result<UidSet> uids = co_await FindWindow(*connection_, traits_, day, *maildrop_);
  Note(uids.status());
  co_return uids;
}

net::Task<Result<std::vector<MessageMeta>>> Pop3Session::FetchMeta(const UidSet& uids) {
  const Status ready = Ready();
  if (!ready.ok()) {
    co_return ready;
  }
  const Status sized = co_await FetchSizes(*connection_, traits_, uids, *maildrop_);
  Note(sized);
  if (!sized.ok()) {
    co_return sized;
  }
  std::vector<MessageMeta> metas;
  for (const ListedMessage& message : maildrop_->messages()) {
    if (uids.Contains(message.uid)) {
      MessageMeta meta;
      meta.uid = message.uid;
      meta.size = message.size.value_or(0);
      metas.push_back(std::move(meta));
    }
  }
  co_return metas;
}

net::Task<Result<std::vector<FlagState>>> Pop3Session::FetchFlags(const UidSet& /*uids*/,
                                                                  uint64_t /*changed_since*/) {
  co_return ended_.ok() ? Status(Code::kServerRefused, "POP3 has no flags") : ended_;
}

net::Task<Status> Pop3Session::FetchHeaders(const UidSet& uids, HeaderSink& sink) {
  const Status ready = Ready();
  if (!ready.ok()) {
    co_return ready;
  }
  Status done = co_await FetchMessageHeaders(*connection_, traits_, uids, *maildrop_, sink);
  Note(done);
  co_return done;
}

net::Task<Status> Pop3Session::FetchBodies(std::span<const MessageMeta> messages, BodySink& sink) {
  const Status ready = Ready();
  if (!ready.ok()) {
    co_return ready;
  }
  Status done = co_await FetchMessageBodies(*connection_, traits_, *maildrop_, messages, sink);
  if (!done.ok() && ended_.ok()) {
    ended_ = done;  // Whatever the sink's code is: answers are left unread.
  }
  co_return done;
}

net::Task<Result<bool>> Pop3Session::Poll() {
  if (!ended_.ok()) {
    co_return ended_;
  }
  std::string command = "NOOP\r\n";
  const Result<StatusLine> answer = co_await connection_->Run(std::move(command), Body::kNone);
  Status alive = answer.status();
  if (answer.ok() && answer->kind != StatusKind::kOk) {
    alive = ClassifyRefusal(*answer, "NOOP", Code::kUnreachable);
  }
  Note(alive);
  co_return alive.ok() ? Result<bool>(false) : Result<bool>(alive);
}

net::Task<Result<bool>> Pop3Session::WaitForNews(Duration /*wait_max*/) {
  co_return ended_.ok() ? Status(Code::kServerRefused, "POP3 tells no news within a session")
                        : ended_;
}

void Pop3Session::Abort() {
  ended_ = Status(Code::kCancelled, "the session was aborted");
  connection_->Abort();
}

net::Task<void> Pop3Session::Close() {
  if (ended_.ok()) {
    co_await Quit(*connection_);
    ended_ = Status(Code::kCancelled, "the session was closed");
  }
  co_await connection_->Close();
}

}  // namespace mailhaul::pop3
