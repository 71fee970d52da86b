#include "connectors/imap/refusal.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <string>

#include "base/text.h"
#include "connectors/imap/limits.h"

namespace mailhaul::imap {
namespace {

struct CodeMeaning {
  std::string_view name;  // RFC 5530, RFC 9051 section 7.1, and what providers use.
  Code code;
};
constexpr std::array<CodeMeaning, 9> kCodes = {{
    {"AUTHENTICATIONFAILED", Code::kAuthFailed},
    {"AUTHORIZATIONFAILED", Code::kAuthFailed},
    {"EXPIRED", Code::kAuthFailed},
    {"INUSE", Code::kThrottled},
    {"LIMIT", Code::kThrottled},
    {"NONEXISTENT", Code::kNotFound},
    {"OVERQUOTA", Code::kThrottled},
    {"THROTTLED", Code::kThrottled},
    {"UNAVAILABLE", Code::kThrottled},
}};

// Lower case parts of texts by which servers without codes ask for less.
constexpr std::array<std::string_view, 12> kThrottleTexts = {
    "too many connections",
    "too many simultaneous connections",
    "maximum number of connections",
    "too many concurrent connections",
    "too many login",
    "too many commands",
    "rate limit",
    "request is throttled",
    "bandwidth limit",
    "try again later",
    "temporarily unavailable",
    "user is authenticated but not connected",
};

Code MeaningOf(const Response& refusal, Code otherwise) {
  for (const CodeMeaning& known : kCodes) {
    if (refusal.code.name == known.name) {
      return known.code;
    }
  }
  const std::string text = AsciiLowered(refusal.text);
  const bool throttled =
      std::any_of(kThrottleTexts.begin(), kThrottleTexts.end(),
                  [&text](std::string_view part) { return text.find(part) != std::string::npos; });
  return throttled ? Code::kThrottled : otherwise;
}

// Exchange: "Suggested Backoff Time: 299961 milliseconds".
std::chrono::milliseconds SuggestedWait(std::string_view text) {
  constexpr std::string_view kHint = "suggested backoff time: ";
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
  return std::min(std::chrono::milliseconds(wait),
                  std::chrono::duration_cast<std::chrono::milliseconds>(kRetryAfterMax));
}

Status MakeStatus(const Response& refusal, std::string_view what, Code code) {
  std::string message(what);
  message += " was refused: ";
  if (!refusal.code.name.empty()) {
    message += "[" + EscapeForLog(refusal.code.name, 40) + "] ";
  }
  message += EscapeForLog(refusal.text);
  const Status status(code, std::move(message));
  const std::chrono::milliseconds wait = SuggestedWait(refusal.text);
  return code == Code::kThrottled && wait.count() > 0 ? status.WithRetryAfter(wait) : status;
}

}  // namespace

Status ClassifyRefusal(const Response& refusal, std::string_view what, Code otherwise) {
  Code code = MeaningOf(refusal, otherwise);
  if (code == Code::kAuthFailed) {
    // Only a refused login judges the credentials.
    code = otherwise;
  }
  return MakeStatus(refusal, what, code);
}

Status ClassifyLoginRefusal(const Response& refusal, std::string_view what) {
  const Code otherwise =
      refusal.condition == Condition::kNo ? Code::kAuthFailed : Code::kServerRefused;
  Code code = MeaningOf(refusal, otherwise);
  if (code == Code::kNotFound) {
    code = otherwise;
  }
  if (refusal.code.name == "CONTACTADMIN" || refusal.code.name == "SERVERBUG" ||
      refusal.code.name == "PRIVACYREQUIRED") {
    code = Code::kServerRefused;
  }
  return MakeStatus(refusal, what, code);
}

}  // namespace mailhaul::imap
