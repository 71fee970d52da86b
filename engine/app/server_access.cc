#include "engine/app/server_access.h"

#include <utility>

namespace mailhaul::app {
namespace {

OAuth2Config ToOAuth2Config(const config::OAuth2& oauth2) {
  OAuth2Config grant;
  grant.token_url = oauth2.token_url;
  grant.client_id = oauth2.client_id;
  grant.client_secret = oauth2.client_secret;
  grant.refresh_token = oauth2.refresh_token;
  return grant;
}

}  // namespace

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

net::Task<Result<Secret>> AccessToken(const config::Server& server, SourceMemory& memory,
                                      HttpClient* http) {
  if (memory.tokens == nullptr) {
    if (http == nullptr) {
      co_return Status(Code::kInternal, "there is no HTTPS client to ask for an access token");
    }
    OAuth2Config grant = ToOAuth2Config(*server.oauth2);
    if (!memory.refresh_token.empty()) {
      grant.refresh_token = memory.refresh_token;
    }
    memory.tokens =
        std::make_unique<TokenSource>(*http, std::move(grant), memory.keep_refresh_token);
  }
  co_return co_await memory.tokens->Get();
}

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

}  // namespace mailhaul::app
