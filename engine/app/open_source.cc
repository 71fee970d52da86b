#include "engine/app/open_source.h"

#include <algorithm>
#include <utility>

#include "base/random.h"
#include "connectors/imap/imap_session.h"
#include "connectors/pop3/pop3_session.h"
#include "engine/app/server_access.h"
#include "engine/pipeline/uidl_store.h"

namespace mailhaul::app {
namespace {

std::string ServerKey(const config::Server& server) {
  return server.host + ":" + std::to_string(server.port);
}

imap::SessionOptions ImapOptions(const SourceRequest& request) {
  imap::SessionOptions options;
  options.command_timeout = request.idle_timeout;
  options.body_bytes_max = request.message_bytes_max;
  options.compress = request.compress;
  options.leave_unless_news = request.leave_unless_news;
  options.remembered = request.memory->server;
  if (options.remembered == nullptr) {
    options.remembered = (*request.servers)[ServerKey(*request.server)];
  }
  options.learned = &request.memory->server;
  options.folders = &request.memory->folders;
  if (request.profile != nullptr) {
    options.broken = request.profile->broken;
    options.id_before_select = request.profile->id_before_select;
    if (request.profile->command_bytes_max != 0) {
      options.command_bytes_max = request.profile->command_bytes_max;
    }
  }
  return options;
}

net::Task<Result<OpenedSource>> OpenImap(Dialer& dialer, const SourceRequest& request,
                                         Credentials credentials) {
  imap::SessionOptions options = ImapOptions(request);
  OpenedSource source;
  Result<std::unique_ptr<SourceSession>> opened =
      co_await imap::OpenImapSession(dialer, ToServerAddress(*request.server),
                                     std::move(credentials), request.egress, std::move(options));
  std::shared_ptr<const imap::KnownServer>& last = (*request.servers)[ServerKey(*request.server)];
  if (!opened.ok()) {
    // The server may have changed since it told what it can.
    request.memory->server = nullptr;
    last = nullptr;
    co_return opened.status();
  }
  if (last != nullptr && *last == *request.memory->server) {
    request.memory->server = last;
  } else {
    last = request.memory->server;
  }
  source.session = std::move(opened).value();
  co_return source;
}

net::Task<Result<OpenedSource>> OpenPop3(pipeline::Context& context, Dialer& dialer,
                                         SourceRequest& request, Credentials credentials) {
  pop3::SessionOptions options;
  options.command_timeout = request.idle_timeout;
  options.body_bytes_max = request.message_bytes_max;
  OpenedSource source;
  source.uids = std::move(request.uids);
  if (source.uids == nullptr) {
    source.uids = std::make_unique<pipeline::UidlStore>(context, request.mailbox);
  }
  SystemRandom random;
  CO_TRY(pop3::OpenedPop3Session opened,
         pop3::OpenPop3Session(dialer, *source.uids, random, ToServerAddress(*request.server),
                               std::move(credentials), request.egress, options));
  source.session = std::move(opened.session);
  source.login_delay = opened.login_delay;
  if (request.profile != nullptr) {
    source.login_delay =
        std::max(source.login_delay,
                 std::chrono::ceil<std::chrono::seconds>(request.profile->pop3_check_interval));
  }
  co_return source;
}

net::Task<Result<OpenedSource>> Open(pipeline::Context& context, Dialer& dialer,
                                     SourceRequest& request, Credentials credentials) {
  if (request.server->protocol == config::Protocol::kPop3) {
    co_return co_await OpenPop3(context, dialer, request, std::move(credentials));
  }
  co_return co_await OpenImap(dialer, request, std::move(credentials));
}

}  // namespace

net::Task<Result<OpenedSource>> OpenSource(pipeline::Context& context, Dialer& dialer,
                                           SourceRequest request) {
  Credentials credentials = ToCredentials(*request.server);
  if (!request.server->oauth2.has_value()) {
    co_return co_await Open(context, dialer, request, std::move(credentials));
  }
  const Result<Secret> got = co_await AccessToken(*request.server, *request.memory, request.http);
  if (!got.ok()) {
    if (request.token_failed != nullptr) {
      *request.token_failed = got.status().code() != Code::kAuthFailed;
    }
    co_return got.status();
  }
  const Secret& token = *got;
  credentials.access_token = token;
  Result<OpenedSource> opened = co_await Open(context, dialer, request, std::move(credentials));
  if (!opened.ok()) {
    co_return JudgeRefusal(*request.memory, token, opened.status());
  }
  request.memory->token_sent = token;
  co_return opened;
}

}  // namespace mailhaul::app
