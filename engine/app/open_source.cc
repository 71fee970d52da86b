#include "engine/app/open_source.h"

#include <algorithm>
#include <utility>

#include "base/random.h"
#include "connectors/imap/imap_session.h"
#include "connectors/pop3/pop3_session.h"
#include "engine/pipeline/uidl_store.h"

namespace mailhaul::app {
namespace {

ServerAddress ToServerAddress(const config::Server& server) {
  ServerAddress address;
  address.host = server.host;
  address.port = server.port;
  switch (server.security) {
    case config::SecurityMode::kTls:
      address.security = Security::kTls;
      break;
    case config::SecurityMode::kStartTls:
      address.security = Security::kStartTls;
      break;
    case config::SecurityMode::kPlaintext:
      address.security = Security::kPlaintext;
      break;
  }
  return address;
}

Credentials ToCredentials(const config::Server& server) {
  Credentials credentials;
  credentials.username = server.username;
  credentials.password = server.password;
  credentials.allow_cram_md5 = server.allow_cram_md5;
  return credentials;
}

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
                                         const SourceRequest& request, Credentials credentials) {
  pop3::SessionOptions options;
  options.command_timeout = request.idle_timeout;
  options.body_bytes_max = request.message_bytes_max;
  OpenedSource source;
  source.uids = std::make_unique<pipeline::UidlStore>(context, request.mailbox);
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

OAuth2Config ToOAuth2Config(const config::OAuth2& oauth2) {
  OAuth2Config grant;
  grant.token_url = oauth2.token_url;
  grant.client_id = oauth2.client_id;
  grant.client_secret = oauth2.client_secret;
  grant.refresh_token = oauth2.refresh_token;
  return grant;
}

net::Task<Result<Secret>> AccessToken(const SourceRequest& request) {
  SourceMemory& memory = *request.memory;
  if (memory.tokens == nullptr) {
    if (request.http == nullptr) {
      co_return Status(Code::kInternal, "there is no HTTPS client to ask for an access token");
    }
    // A token source keeps a refresh token that the server has replaced; it is not stored.
    memory.tokens = std::make_unique<TokenSource>(*request.http,
                                                  ToOAuth2Config(*request.server->oauth2), nullptr);
  }
  co_return co_await memory.tokens->Get();
}

// What a refused token means; `status` if none was.
Status JudgeRefusal(SourceMemory& memory, const Secret& token, const Status& status) {
  if (status.code() != Code::kAuthFailed) {
    return status;
  }
  memory.tokens->Invalidate(token);
  const bool was_good = memory.token_sent.EqualsInConstantTime(token.Reveal());
  return was_good ? Status(Code::kUnreachable,
                           "the access token is no longer accepted; the next "
                           "try asks for another one")
                  : status;
}

net::Task<Result<OpenedSource>> Open(pipeline::Context& context, Dialer& dialer,
                                     const SourceRequest& request, Credentials credentials) {
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
  CO_TRY(const Secret token, AccessToken(request));
  credentials.access_token = token;
  Result<OpenedSource> opened = co_await Open(context, dialer, request, std::move(credentials));
  if (!opened.ok()) {
    co_return JudgeRefusal(*request.memory, token, opened.status());
  }
  request.memory->token_sent = token;
  co_return opened;
}

}  // namespace mailhaul::app
