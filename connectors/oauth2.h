// OAuth 2.0 access tokens of one mailbox, from its refresh token (RFC 6749 section 6).
//
// A token is kept until shortly before it expires, and asked for once at a time: however many
// sessions of the mailbox start, there is one request.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/secret.h"
#include "connectors/http_client.h"
#include "connectors/net/task.h"

namespace mailhaul {

struct OAuth2Config {
  std::string token_url;
  std::string client_id;
  Secret client_secret;  // Sent in the body; empty: a public client.
  Secret refresh_token;
  std::string scope;  // Empty: what was granted.
};

// Belongs to one loop; no Get() may be pending when it dies.
class TokenSource final {
 public:
  // The server has replaced the refresh token: the old one may be void from now on, so keep the new
  // one for good. Awaited on the loop before any Get() completes.
  using OnRotated = std::function<net::Task<void>(Secret refresh_token)>;

  // `http` must outlive it. `on_rotated` may be empty.
  TokenSource(HttpClient& http, OAuth2Config config, OnRotated on_rotated);
  ~TokenSource();
  TokenSource(const TokenSource&) = delete;
  TokenSource& operator=(const TokenSource&) = delete;

  // An access token that is good for at least a minute, if the server gives them that long; else
  // for half its life. Takes at most kRefreshTimeMax. Fails as ReadTokenAnswer() does
  // (oauth2_answer.h), or as HttpClient::Fetch(); only kAuthFailed is about credentials, and any
  // other failure is kept back while the last token is still good for half a minute. After
  // kThrottled with a retry_after the token server is left alone for that time, at most an hour:
  // Get() then fails the same way with what is left of it.
  net::Task<Result<Secret>> Get();

  // A mail server refused `access_token`: the next Get() asks for another one. Does nothing when it
  // has been replaced already.
  void Invalidate(const Secret& access_token);

 private:
  net::Task<Result<Secret>> Refresh();
  // `rotated`: whether config_.refresh_token is another one now.
  Result<Secret> Keep(Result<HttpAnswer> answer, TimePoint asked, bool& rotated);
  std::optional<Result<Secret>> Known(TimePoint now) const;
  bool StillGood(TimePoint now) const;

  HttpClient& http_;
  OAuth2Config config_;
  const OnRotated on_rotated_;

  Secret access_token_;  // Empty: none.
  TimePoint refresh_at_{};
  TimePoint expires_at_{};
  Status throttled_;  // Until throttled_until_.
  TimePoint throttled_until_{};
  bool refreshing_ = false;
  std::vector<net::OneShot<Result<Secret>>*> waiters_;
};

inline constexpr Duration kRefreshTimeMax = std::chrono::seconds(30);

}  // namespace mailhaul
