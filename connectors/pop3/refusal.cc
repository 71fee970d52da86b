#include "connectors/pop3/refusal.h"

#include <algorithm>
#include <array>
#include <string>

#include "base/text.h"
#include "connectors/pop3/pop3_session.h"
#include "connectors/refusal_texts.h"

namespace mailhaul::pop3 {
namespace {

struct CodeMeaning {
  std::string_view name;
  Code code;
};
// RFC 2449 section 8.1, RFC 3206; the last three are borrowed from IMAP by some servers.
constexpr std::array<CodeMeaning, 8> kCodes = {{
    {"IN-USE", Code::kThrottled},  // Also what Dovecot says above its connection limit.
    {"LOGIN-DELAY", Code::kThrottled},
    {"SYS/TEMP", Code::kUnreachable},
    {"SYS/PERM", Code::kServerRefused},
    {"AUTH", Code::kAuthFailed},
    {"LIMIT", Code::kThrottled},
    {"THROTTLED", Code::kThrottled},
    {"UNAVAILABLE", Code::kThrottled},
}};

// A maildrop that is locked is a matter of waiting, as [IN-USE] is.
constexpr std::array<std::string_view, 9> kLockTexts = {
    "lock busy",      "maildrop already locked", "maildrop is locked",
    "already in use", "mailbox is locked",       "mailbox locked",
    "already locked", "unable to lock",          "another session",
};
// No password would help.
constexpr std::array<std::string_view, 8> kServiceTexts = {
    "not enabled for pop", "pop access is disabled", "pop3 is disabled", "pop3 access is not",
    "pop is disabled",     "only with ssl",          "plaintext auth",   "must issue a stls",
};

template <typename Texts>
bool HoldsOneOf(const Texts& texts, std::string_view text) {
  const std::string lower = AsciiLowered(text);
  return std::any_of(texts.begin(), texts.end(), [&lower](std::string_view part) {
    return lower.find(part) != std::string::npos;
  });
}

Code MeaningOf(const StatusLine& refusal, Code otherwise) {
  for (const CodeMeaning& known : kCodes) {
    if (refusal.code == known.name) {
      return known.code;
    }
  }
  const bool throttled = AsksForLess(refusal.text) || HoldsOneOf(kLockTexts, refusal.text);
  return throttled ? Code::kThrottled : otherwise;
}

Status MakeStatus(const StatusLine& refusal, std::string_view what, Code code) {
  std::string message(what);
  message += " was refused: ";
  if (!refusal.code.empty()) {
    message += "[" + EscapeForLog(refusal.code, 40) + "] ";
  }
  message += EscapeForLog(refusal.text);
  return {code, std::move(message)};
}

}  // namespace

Status ClassifyRefusal(const StatusLine& refusal, std::string_view what, Code otherwise) {
  Code code = MeaningOf(refusal, otherwise);
  if (code == Code::kAuthFailed || code == Code::kServerRefused) {
    // Only a refused login judges the credentials, and only the caller knows what a refusal costs.
    code = otherwise;
  }
  return MakeStatus(refusal, what, code);
}

Status ClassifyLoginRefusal(const StatusLine& refusal, std::string_view what,
                            const Capabilities& capabilities) {
  Code code = MeaningOf(refusal, Code::kAuthFailed);
  if (code == Code::kAuthFailed && HoldsOneOf(kServiceTexts, refusal.text)) {
    code = Code::kServerRefused;
  }
  const Status status = MakeStatus(refusal, what, code);
  if (refusal.code == "LOGIN-DELAY") {
    const bool told = capabilities.login_delay().count() > 0;
    return status.WithRetryAfter(told ? capabilities.login_delay() : kLoginDelayDefault);
  }
  return status;
}

bool ConcernsSession(const Status& refusal) {
  return refusal.code() == Code::kThrottled || refusal.code() == Code::kUnreachable;
}

}  // namespace mailhaul::pop3
