#include "connectors/imap/refusal.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <optional>
#include <string>

#include "base/text.h"
#include "connectors/imap/limits.h"

namespace mailhaul::imap {
namespace {

struct Meaning {
  std::string_view pattern;
  std::optional<Code> login;    // As the answer to a login; absent: the default there.
  std::optional<Code> command;  // Otherwise; absent: what the command says.
};

// Response codes: RFC 5530, RFC 9051 section 7.1, RFC 7889, and what providers use.
constexpr Meaning kCodes[] = {
    {"ALREADYEXISTS", Code::kServerRefused, Code::kAlreadyExists},
    {"AUTHENTICATIONFAILED", Code::kAuthFailed, {}},
    {"AUTHORIZATIONFAILED", Code::kAuthFailed, {}},
    {"CLIENTBUG", Code::kServerRefused, {}},
    {"CONTACTADMIN", Code::kServerRefused, {}},
    {"CORRUPTION", Code::kServerRefused, {}},
    {"EXPIRED", Code::kAuthFailed, {}},
    {"INUSE", Code::kThrottled, Code::kThrottled},
    {"LIMIT", Code::kThrottled, Code::kThrottled},
    {"NONEXISTENT", {}, Code::kNotFound},
    {"NOPERM", Code::kServerRefused, {}},
    {"OVERQUOTA", Code::kThrottled, Code::kThrottled},
    {"PRIVACYREQUIRED", Code::kServerRefused, {}},
    {"SERVERBUG", Code::kServerRefused, {}},
    {"THROTTLED", Code::kThrottled, Code::kThrottled},
    {"TOOBIG", Code::kServerRefused, Code::kMessageRejected},
    {"TRYCREATE", Code::kServerRefused, Code::kNotFound},
    {"UNAVAILABLE", Code::kThrottled, Code::kThrottled},
    {"WEBALERT", Code::kAuthFailed, {}},
};

// Parts of texts, in lower case; the first that occurs counts. Texts that ask for less come before
// those about credentials: many servers say "authentication failed" when they mean "too often".
constexpr Meaning kTexts[] = {
    // QQ and Exmail give all reasons at once; only its account profile can tell them apart.
    {"password is incorrect, login frequency limited", Code::kAuthFailed, Code::kThrottled},
    {"too many connections", Code::kThrottled, Code::kThrottled},
    {"too many simultaneous connections", Code::kThrottled, Code::kThrottled},
    {"too many concurrent connections", Code::kThrottled, Code::kThrottled},
    {"too many open connections", Code::kThrottled, Code::kThrottled},
    {"too many sessions", Code::kThrottled, Code::kThrottled},
    {"too many login", Code::kThrottled, Code::kThrottled},
    {"too many failed", Code::kThrottled, Code::kThrottled},
    {"too many auth", Code::kThrottled, Code::kThrottled},
    {"too many commands", Code::kThrottled, Code::kThrottled},
    {"too many requests", Code::kThrottled, Code::kThrottled},
    {"too many bad commands", Code::kThrottled, Code::kThrottled},
    {"maximum number of connections", Code::kThrottled, Code::kThrottled},
    {"maximum connection", Code::kThrottled, Code::kThrottled},
    {"connection limit", Code::kThrottled, Code::kThrottled},
    {"exceeded command or bandwidth limits", Code::kThrottled, Code::kThrottled},
    {"bandwidth limit", Code::kThrottled, Code::kThrottled},
    {"rate limit", Code::kThrottled, Code::kThrottled},
    {"request is throttled", Code::kThrottled, Code::kThrottled},
    {"suggested backoff time", Code::kThrottled, Code::kThrottled},
    {"user is authenticated but not connected", Code::kThrottled, Code::kThrottled},
    {"login frequency limited", Code::kThrottled, Code::kThrottled},
    {"too frequent", Code::kThrottled, Code::kThrottled},
    {"try again later", Code::kThrottled, Code::kThrottled},
    {"try later", Code::kThrottled, Code::kThrottled},
    {"temporarily unavailable", Code::kThrottled, Code::kThrottled},
    {"temporarily blocked", Code::kThrottled, Code::kThrottled},
    {"temporarily locked", Code::kThrottled, Code::kThrottled},
    {"temporary authentication failure", Code::kThrottled, Code::kThrottled},
    {"temporary system problem", Code::kThrottled, Code::kThrottled},
    {"server is busy", Code::kThrottled, Code::kThrottled},
    {"server busy", Code::kThrottled, Code::kThrottled},
    {"system busy", Code::kThrottled, Code::kThrottled},
    {"system is busy", Code::kThrottled, Code::kThrottled},
    {"server unavailable", Code::kThrottled, Code::kThrottled},
    {"service unavailable", Code::kThrottled, Code::kThrottled},
    {"mailbox is locked", Code::kThrottled, Code::kThrottled},
    {"accesstokenexpired", Code::kAuthFailed, Code::kAuthFailed},
    {"session invalidated", Code::kAuthFailed, Code::kAuthFailed},
    {"invalid login or session expired", Code::kAuthFailed, Code::kAuthFailed},
    {"web login required", Code::kAuthFailed, Code::kAuthFailed},
    {"log in via your web browser", Code::kAuthFailed, Code::kAuthFailed},
    {"application-specific password required", Code::kAuthFailed, Code::kAuthFailed},
    {"unsafe login", Code::kAuthFailed, Code::kAuthFailed},
    {"not enabled for imap", Code::kServerRefused, {}},
    {"imap access is disabled", Code::kServerRefused, {}},
    {"imap is disabled", Code::kServerRefused, {}},
    {"doesn't have imap", Code::kServerRefused, {}},
    {"system i/o error", Code::kServerRefused, {}},
    {"internal error occurred", Code::kServerRefused, {}},
    {"mailbox does not exist", {}, Code::kNotFound},
    {"mailbox doesn't exist", {}, Code::kNotFound},
    {"unknown mailbox", {}, Code::kNotFound},
};

std::optional<Code> AsLogin(const Meaning& meaning) { return meaning.login; }
std::optional<Code> AsCommand(const Meaning& meaning) { return meaning.command; }

const Meaning* FindText(std::string_view text) {
  const std::string lower = AsciiLowered(text);
  const auto* const found = std::find_if(
      std::begin(kTexts), std::end(kTexts),
      [&lower](const Meaning& known) { return lower.find(known.pattern) != std::string::npos; });
  return found == std::end(kTexts) ? nullptr : found;
}

const Meaning* FindCode(std::string_view name) {
  const auto* const found =
      std::find_if(std::begin(kCodes), std::end(kCodes),
                   [name](const Meaning& known) { return known.pattern == name; });
  return found == std::end(kCodes) ? nullptr : found;
}

// A code counts more than a text, except that a text asking for less outdoes every code: it is
// the one thing that must not be missed.
template <typename Choose>
Code MeaningOf(const Response& refusal, Code otherwise, Choose choose) {
  const Meaning* const text = FindText(refusal.text);
  const std::optional<Code> by_text = text == nullptr ? std::nullopt : choose(*text);
  if (by_text == Code::kThrottled) {
    return Code::kThrottled;
  }
  const Meaning* const code = FindCode(refusal.code.name);
  const std::optional<Code> by_code = code == nullptr ? std::nullopt : choose(*code);
  return by_code.value_or(by_text.value_or(otherwise));
}

// Exchange: "Suggested Backoff Time: 299961 milliseconds".
std::chrono::milliseconds SuggestedWait(std::string_view text) {
  constexpr std::string_view kHint = "suggested backoff time: ";
  constexpr auto kWaitMax = std::chrono::duration_cast<std::chrono::milliseconds>(kRetryAfterMax);
  const std::string lower = AsciiLowered(text);
  const size_t begin = lower.find(kHint);
  if (begin == std::string::npos) {
    return std::chrono::milliseconds(0);
  }
  int64_t wait = 0;
  const char* const digits = lower.data() + begin + kHint.size();
  if (std::from_chars(digits, lower.data() + lower.size(), wait).ec != std::errc() || wait < 0) {
    return std::chrono::milliseconds(0);
  }
  return std::min(std::chrono::milliseconds(wait), kWaitMax);
}

std::string Quoted(const Response& response) {
  std::string text;
  if (!response.code.name.empty()) {
    text = "[" + EscapeForLog(response.code.name, 40) + "] ";
  }
  return text + EscapeForLog(response.text);
}

Status MakeStatus(const Response& refusal, Code code, std::string message) {
  const Status status(code, std::move(message));
  const std::chrono::milliseconds wait = SuggestedWait(refusal.text);
  return code == Code::kThrottled && wait.count() > 0 ? status.WithRetryAfter(wait) : status;
}

}  // namespace

Status ClassifyRefusal(const Response& refusal, std::string_view what, Code otherwise) {
  const Code code = MeaningOf(refusal, otherwise, AsCommand);
  return MakeStatus(refusal, code, std::string(what) + " was refused: " + Quoted(refusal));
}

Status ClassifyLoginRefusal(const Response& refusal, std::string_view what) {
  const Code otherwise =
      refusal.condition == Condition::kNo ? Code::kAuthFailed : Code::kServerRefused;
  const Code code = MeaningOf(refusal, otherwise, AsLogin);
  return MakeStatus(refusal, code, std::string(what) + " was refused: " + Quoted(refusal));
}

Status HintOfThrottling(const Response& response) {
  const bool refuses =
      response.condition == Condition::kBad || response.condition == Condition::kBye ||
      (response.kind == ResponseKind::kTagged && response.condition != Condition::kOk);
  if (refuses || (response.code.name.empty() && response.kind == ResponseKind::kTagged)) {
    return {};
  }
  const Meaning* const code = FindCode(response.code.name);
  const bool by_code =
      code != nullptr && code->command == Code::kThrottled && response.code.name != "OVERQUOTA";
  // Free text outside a refusal is trusted only where a code says that it matters.
  const Meaning* const text = response.code.name == "ALERT" || response.code.name == "OVERQUOTA"
                                  ? FindText(response.text)
                                  : nullptr;
  if (!by_code && (text == nullptr || text->command != Code::kThrottled)) {
    return {};
  }
  return MakeStatus(response, Code::kThrottled, "the server wants less: " + Quoted(response));
}

}  // namespace mailhaul::imap
