// What a server's refusal means: from reply code, enhanced code and text to a Status, and whether
// the same message can succeed later.
//
// Known refusals stand in a table (refusal.cc), the first match counts; tests/smtp/refusal_test.cc
// has a real reply for each row. Unknown ones follow their first digit.
#pragma once

#include <chrono>
#include <string_view>

#include "base/status.h"
#include "connectors/smtp/reply.h"

namespace mailhaul::smtp {

enum class Step : uint8_t {
  kGreeting,
  kHello,
  kStartTls,
  kLogin,
  kMail,
  kRecipient,
  kData,
  kEndOfData,
  kReset,
};

struct Refusal {
  // kThrottled (with retry_after() if a wait is known), kAuthFailed, kTlsFailed (the server wants
  // TLS first, or refuses it), kMessageRejected (this message, for good), kUnreachable (421), else
  // kServerRefused. The server's text is quoted escaped.
  Status status;
  // Sending the same message again is pointless. Only from kMail on.
  bool permanent = false;
};

// `reply`: 4xx or 5xx to the command of `step`. `what` names it, for the message.
Refusal ClassifyRefusal(const Reply& reply, Step step, std::string_view what);

// "try again in 5 minutes", "Suggested Backoff Time: 300000 milliseconds", "retry after 60s": what
// the text asks to wait, at most a day. Zero: it does not say.
std::chrono::milliseconds WaitFromText(std::string_view text);

}  // namespace mailhaul::smtp
