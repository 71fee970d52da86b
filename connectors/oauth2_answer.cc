#include "connectors/oauth2_answer.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <charconv>
#include <new>
#include <optional>
#include <utility>

#include "base/check.h"
#include "base/text.h"

namespace mailhaul {
namespace {

namespace json = boost::json;

constexpr size_t kDepthMax = 16;
constexpr size_t kErrorBytesMax = 64;
constexpr size_t kDescriptionBytesMax = 200;

// Leaves nothing of the tokens in freed memory.
class WipingMemory final : public json::memory_resource {
 private:
  void* do_allocate(std::size_t bytes, std::size_t align) override {
    MH_CHECK(align <= __STDCPP_DEFAULT_NEW_ALIGNMENT__);
    return ::operator new(bytes);
  }
  void do_deallocate(void* memory, std::size_t bytes, std::size_t /*align*/) override {
    OPENSSL_cleanse(memory, bytes);
    ::operator delete(memory);
  }
  bool do_is_equal(const json::memory_resource& other) const noexcept override {
    return this == &other;
  }
};

Status NotATokenEndpoint(const HttpAnswer& answer, std::string_view why) {
  return {Code::kProtocol, "the token server answered " + std::to_string(answer.status) + " with " +
                               std::string(why) + "; check token_url"};
}

// The member as text, "" when it is absent or something else.
std::string_view TextOf(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains({name.data(), name.size()});
  const json::string* text = value == nullptr ? nullptr : value->if_string();
  return text == nullptr ? std::string_view() : std::string_view(text->data(), text->size());
}

bool IsToken(std::string_view text) {
  return text.size() <= kTokenBytesMax &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7F; });
}

// Never a short string: moving one would leave a copy of its bytes.
Secret SecretOf(std::string_view text) {
  constexpr size_t kHeapBytesMin = 64;
  std::string copy;
  copy.reserve(std::max(text.size(), kHeapBytesMin));
  copy += text;
  return Secret(std::move(copy));
}

// expires_in: a number, which some servers write as a string. Nothing when it is neither, or not
// positive.
std::optional<std::chrono::seconds> LifetimeOf(const json::object& object) {
  const json::value* value = object.if_contains("expires_in");
  if (value == nullptr || value->is_null()) {
    return kTokenLifetimeDefault;
  }
  double seconds = 0;
  if (const json::string* text = value->if_string(); text != nullptr) {
    uint32_t whole = 0;
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), whole);
    if (error != std::errc() || end != text->data() + text->size()) {
      return std::nullopt;
    }
    seconds = whole;
  } else {
    json::error_code error;
    seconds = value->is_number() ? value->to_number<double>(error) : 0;
  }
  if (!(seconds >= 1)) {
    return std::nullopt;
  }
  const auto most = static_cast<double>(kTokenLifetimeMax.count());
  return std::chrono::seconds(static_cast<int64_t>(std::min(seconds, most)));
}

struct ErrorMeaning {
  std::string_view error;
  Code code;
  std::string_view remedy;
};

constexpr std::string_view kAuthoriseAgain =
    "authorise the mailbox again and configure its new refresh_token";
constexpr std::string_view kCheckClient = "check client_id and client_secret";
constexpr std::string_view kLater = "it will be tried again later";

constexpr std::array<ErrorMeaning, 15> kErrors = {{
    {"invalid_grant", Code::kAuthFailed, kAuthoriseAgain},
    {"interaction_required", Code::kAuthFailed, kAuthoriseAgain},
    {"consent_required", Code::kAuthFailed, kAuthoriseAgain},
    {"login_required", Code::kAuthFailed, kAuthoriseAgain},
    {"access_denied", Code::kAuthFailed, kAuthoriseAgain},
    {"invalid_client", Code::kAuthFailed, kCheckClient},
    {"unauthorized_client", Code::kAuthFailed, kCheckClient},
    {"temporarily_unavailable", Code::kThrottled, kLater},
    {"slow_down", Code::kThrottled, kLater},
    {"server_error", Code::kThrottled, kLater},
    {"rate_limit_exceeded", Code::kThrottled, kLater},
    {"invalid_scope", Code::kInvalidArgument, "check scope"},
    {"invalid_request", Code::kInvalidArgument, "check token_url, client_id and scope"},
    {"unsupported_grant_type", Code::kInvalidArgument, "check token_url"},
    {"invalid_resource", Code::kInvalidArgument, "check scope"},
}};

// What the server says, unless it repeats a secret.
std::string Quote(std::string_view text, size_t bytes_max,
                  std::initializer_list<std::string_view> secrets) {
  for (const std::string_view secret : secrets) {
    if (!secret.empty() && text.find(secret) != std::string_view::npos) {
      return "(text withheld)";
    }
  }
  return EscapeForLog(text, bytes_max);
}

bool IsBusy(int status) { return status == 408 || status == 429 || status >= 500; }

Status Refusal(const HttpAnswer& answer, const json::object& object,
               std::initializer_list<std::string_view> secrets) {
  const std::string_view error = TextOf(object, "error");
  const std::string_view description = TextOf(object, "error_description");
  const auto meaning = std::find_if(kErrors.begin(), kErrors.end(),
                                    [&](const ErrorMeaning& one) { return one.error == error; });
  std::string text = "the token server answered " + std::to_string(answer.status) + ", " +
                     Quote(error, kErrorBytesMax, secrets);
  if (!description.empty()) {
    text += " (" + Quote(description, kDescriptionBytesMax, secrets) + ")";
  }
  if (meaning == kErrors.end()) {
    return {Code::kProtocol, text + "; check token_url"};
  }
  return {meaning->code, text + "; " + std::string(meaning->remedy)};
}

Result<TokenAnswer> Tokens(const HttpAnswer& answer, const json::object& object) {
  const std::string_view access_token = TextOf(object, "access_token");
  const std::string_view refresh_token = TextOf(object, "refresh_token");
  const std::string_view type = TextOf(object, "token_type");
  const std::optional<std::chrono::seconds> lifetime = LifetimeOf(object);
  if (access_token.empty() || !IsToken(access_token) || !IsToken(refresh_token)) {
    return NotATokenEndpoint(answer, "no usable access token");
  }
  if (!type.empty() && !EqualsIgnoreCase(type, "bearer")) {
    return NotATokenEndpoint(answer, "a token that is not of type Bearer");
  }
  if (!lifetime.has_value()) {
    return NotATokenEndpoint(answer, "an expires_in that is not a number of seconds");
  }
  return TokenAnswer{.access_token = SecretOf(access_token),
                     .lifetime = *lifetime,
                     .refresh_token = SecretOf(refresh_token)};
}

Result<TokenAnswer> ReadObject(const HttpAnswer& answer, const json::object& object,
                               std::initializer_list<std::string_view> secrets) {
  if (!TextOf(object, "error").empty()) {
    return Refusal(answer, object, secrets);
  }
  if (answer.status != 200) {
    return NotATokenEndpoint(answer, "no error code");
  }
  return Tokens(answer, object);
}

Result<TokenAnswer> ReadBody(const HttpAnswer& answer,
                             std::initializer_list<std::string_view> secrets) {
  const std::string_view body = answer.body.Reveal();
  if (body.size() > kTokenAnswerBytesMax) {
    return NotATokenEndpoint(answer,
                             "more than " + std::to_string(kTokenAnswerBytesMax) + " bytes");
  }
  json::parse_options options;
  options.max_depth = kDepthMax;
  WipingMemory memory;
  json::parser parser(json::storage_ptr(&memory), options);
  parser.reset(&memory);
  json::error_code error;
  parser.write(body.data(), body.size(), error);
  if (error) {
    return NotATokenEndpoint(answer, "something else than a JSON object");
  }
  const json::value value = parser.release();
  const json::object* object = value.if_object();
  return object == nullptr ? NotATokenEndpoint(answer, "something else than a JSON object")
                           : ReadObject(answer, *object, secrets);
}

}  // namespace

Result<TokenAnswer> ReadTokenAnswer(const HttpAnswer& answer, const Secret& refresh_token,
                                    const Secret& withheld) {
  // Whatever a server in trouble says of the grant does not count.
  if (IsBusy(answer.status)) {
    return Status(Code::kThrottled, "the token server answered " + std::to_string(answer.status) +
                                        "; " + std::string(kLater))
        .WithRetryAfter(answer.retry_after);
  }
  Result<TokenAnswer> result = ReadBody(answer, {refresh_token.Reveal(), withheld.Reveal()});
  if (result.status().code() == Code::kThrottled) {
    return result.status().WithRetryAfter(answer.retry_after);
  }
  return result;
}

}  // namespace mailhaul
