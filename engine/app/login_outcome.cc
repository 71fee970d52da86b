#include "engine/app/login_outcome.h"

#include <algorithm>
#include <string>
#include <string_view>

#include "base/text.h"
#include "connectors/destination_gate.h"

namespace mailhaul::app {
namespace {

constexpr std::chrono::seconds kThrottledWait{60};
constexpr std::chrono::seconds kTurnWait{30};

// What is shorter stands in many a message by chance, and tells nothing there.
constexpr size_t kTellingBytes = 4;

bool Quotes(std::string_view message, const Secret& secret) {
  const std::string_view text = secret.Reveal();
  return text.size() >= kTellingBytes &&
         (message.find(text) != std::string_view::npos ||
          message.find(EscapeForLog(text, text.size() * 4)) != std::string_view::npos);
}

bool QuotesAny(std::string_view message, const config::Server& server) {
  return Quotes(message, server.password) ||
         (server.oauth2 && (Quotes(message, server.oauth2->client_secret) ||
                            Quotes(message, server.oauth2->refresh_token)));
}

std::string_view CodeOf(const Status& status) {
  switch (status.code()) {
    case Code::kAuthFailed:
      return "credentials_refused";
    case Code::kUnreachable:
      return IsRefusedDestination(status) ? "destination_refused" : "unreachable";
    case Code::kTimeout:
      return "server_timeout";
    case Code::kTlsFailed:
      return "tls_failed";
    case Code::kProtocol:
      return "protocol_error";
    case Code::kServerRefused:
    case Code::kMessageRejected:
    case Code::kInvalidArgument:
    case Code::kNotFound:
      return "server_refused";
    default:
      return "";
  }
}

}  // namespace

Status WithoutSecrets(const Status& status, const config::MailboxConfig& mailbox) {
  const bool quotes = QuotesAny(status.message(), mailbox.source) ||
                      (mailbox.submission && QuotesAny(status.message(), *mailbox.submission));
  return quotes ? Status(status.code(), "the server's answer repeats a secret and is not shown")
                      .WithRetryAfter(status.retry_after())
                : status;
}

http::MailboxOutcome OutcomeOfLogin(const Status& status, const config::MailboxConfig& mailbox) {
  http::MailboxOutcome outcome;
  outcome.detail = WithoutSecrets(status, mailbox).message();
  outcome.code = CodeOf(status);
  if (!outcome.code.empty()) {
    outcome.status = 422;
    return outcome;
  }
  outcome.status = 503;
  if (status.code() == Code::kThrottled) {
    outcome.code = "server_throttled";
    const auto wait = std::chrono::ceil<std::chrono::seconds>(status.retry_after());
    outcome.retry_after = wait.count() > 0 ? wait : kThrottledWait;
  } else if (status.code() == Code::kBusy || status.code() == Code::kResourceExhausted) {
    outcome.code = "no_connection_free";
    outcome.retry_after = kTurnWait;
  } else {
    outcome.cause = WithoutSecrets(status, mailbox);
  }
  return outcome;
}

}  // namespace mailhaul::app
