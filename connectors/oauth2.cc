#include "connectors/oauth2.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/text.h"
#include "connectors/oauth2_answer.h"

namespace mailhaul {
namespace {

constexpr std::chrono::seconds kMarginMin{60};
constexpr std::chrono::seconds kMarginMax{300};
constexpr std::chrono::seconds kLoginTime{30};  // What a token must last to be worth trying.
constexpr std::chrono::milliseconds kThrottledMax = std::chrono::hours(1);

// How long before its end a token is replaced: a tenth of its life between the two bounds, and
// never more than half.
std::chrono::seconds MarginOf(std::chrono::seconds lifetime) {
  return std::min(std::clamp(lifetime / 10, kMarginMin, kMarginMax), lifetime / 2);
}

bool IsUnreserved(char c) {
  const char lower = AsciiLower(c);
  return (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
         c == '_' || c == '~';
}

// application/x-www-form-urlencoded.
void AppendField(std::string_view name, std::string_view value, std::string* form) {
  constexpr std::string_view kHexDigits = "0123456789ABCDEF";
  if (!form->empty()) {
    form->push_back('&');
  }
  *form += name;
  form->push_back('=');
  for (const char c : value) {
    const auto byte = static_cast<unsigned char>(c);
    if (IsUnreserved(c)) {
      form->push_back(c);
    } else {
      form->push_back('%');
      form->push_back(kHexDigits[byte >> 4]);
      form->push_back(kHexDigits[byte & 15]);
    }
  }
}

Secret RefreshForm(const OAuth2Config& config) {
  constexpr size_t kNamesBytesMax = 128;
  std::string form;
  // Never grown: growing would leave copies of the secrets behind.
  form.reserve(kNamesBytesMax +
               3 * (config.refresh_token.Reveal().size() + config.client_secret.Reveal().size() +
                    config.client_id.size() + config.scope.size()));
  AppendField("grant_type", "refresh_token", &form);
  AppendField("refresh_token", config.refresh_token.Reveal(), &form);
  AppendField("client_id", config.client_id, &form);
  if (!config.client_secret.empty()) {
    AppendField("client_secret", config.client_secret.Reveal(), &form);
  }
  if (!config.scope.empty()) {
    AppendField("scope", config.scope, &form);
  }
  return Secret(std::move(form));
}

}  // namespace

TokenSource::TokenSource(HttpClient& http, OAuth2Config config, OnRotated on_rotated)
    : http_(http), config_(std::move(config)), on_rotated_(std::move(on_rotated)) {}

TokenSource::~TokenSource() { MH_CHECK(!refreshing_ && waiters_.empty()); }

net::Task<Result<Secret>> TokenSource::Get() {
  std::optional<Result<Secret>> known = Known(net::Loop::Current()->Now());
  if (known.has_value()) {
    co_return std::move(*known);
  }
  if (refreshing_) {
    net::OneShot<Result<Secret>> shot;
    waiters_.push_back(&shot);
    co_return co_await shot.Wait();
  }
  refreshing_ = true;
  Result<Secret> result = co_await Refresh();
  refreshing_ = false;
  if (!result.ok() && result.status().code() != Code::kAuthFailed &&
      StillGood(net::Loop::Current()->Now())) {
    result = access_token_;
  }
  for (net::OneShot<Result<Secret>>* waiter : std::exchange(waiters_, {})) {
    waiter->Set(result);
  }
  co_return result;
}

std::optional<Result<Secret>> TokenSource::Known(TimePoint now) const {
  if (!access_token_.empty() && now < refresh_at_) {
    return Result<Secret>(access_token_);
  }
  if (now < throttled_until_) {
    if (StillGood(now)) {
      return Result<Secret>(access_token_);
    }
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(throttled_until_ - now);
    return Result<Secret>(throttled_.WithRetryAfter(left));
  }
  return std::nullopt;
}

bool TokenSource::StillGood(TimePoint now) const {
  return !access_token_.empty() && now + kLoginTime < expires_at_;
}

net::Task<Result<Secret>> TokenSource::Refresh() {
  HttpRequest request;
  request.method = "POST";
  request.url = config_.token_url;
  request.headers = {{"Content-Type", "application/x-www-form-urlencoded"},
                     {"Accept", "application/json"}};
  request.body = RefreshForm(config_);
  const TimePoint asked = net::Loop::Current()->Now();
  Result<HttpAnswer> answer = co_await http_.Fetch(std::move(request), asked + kRefreshTimeMax);
  bool rotated = false;
  Result<Secret> kept = Keep(std::move(answer), asked, rotated);
  if (rotated && on_rotated_) {
    co_await on_rotated_(config_.refresh_token);
  }
  co_return kept;
}

Result<Secret> TokenSource::Keep(Result<HttpAnswer> answer, TimePoint asked, bool& rotated) {
  if (!answer.ok()) {
    return answer.status().WithContext("OAuth 2.0 token");
  }
  Result<TokenAnswer> tokens =
      ReadTokenAnswer(*answer, config_.refresh_token, config_.client_secret);
  if (!tokens.ok()) {
    const Status failure = tokens.status().WithContext("OAuth 2.0 token");
    if (failure.code() == Code::kThrottled) {
      throttled_ = failure;
      throttled_until_ =
          net::Loop::Current()->Now() + std::min(failure.retry_after(), kThrottledMax);
    }
    return failure;
  }
  access_token_ = tokens->access_token;
  expires_at_ = asked + tokens->lifetime;
  refresh_at_ = asked + (tokens->lifetime - MarginOf(tokens->lifetime));
  const Secret& refresh_token = tokens->refresh_token;
  rotated =
      !refresh_token.empty() && !config_.refresh_token.EqualsInConstantTime(refresh_token.Reveal());
  if (rotated) {
    config_.refresh_token = refresh_token;
  }
  return access_token_;
}

void TokenSource::Invalidate(const Secret& access_token) {
  if (access_token_.EqualsInConstantTime(access_token.Reveal())) {
    access_token_ = Secret();
  }
}

}  // namespace mailhaul
