#include "connectors/smtp/refusal.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <string>

#include "base/text.h"

namespace mailhaul::smtp {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;

constexpr milliseconds kWaitMax = std::chrono::hours(24);

enum class Meaning : uint8_t {
  kThrottled,    // Less, or later.
  kTemporary,    // This message later, at the usual pace.
  kMessage,      // Never this message.
  kCredentials,  // The login is missing or wrong.
  kTls,          // Not without TLS.
};

constexpr unsigned kAnyStep = 0;
constexpr unsigned Bit(Step step) { return 1U << static_cast<unsigned>(step); }
constexpr unsigned kConnecting = Bit(Step::kGreeting) | Bit(Step::kHello);
constexpr unsigned kLogin = Bit(Step::kLogin);
constexpr unsigned kSending =
    Bit(Step::kMail) | Bit(Step::kRecipient) | Bit(Step::kData) | Bit(Step::kEndOfData);

// A row matches when all it names match.
struct Row {
  unsigned steps;             // kAnyStep: all.
  uint16_t code;              // 0: any; 4 or 5: any of that class.
  std::string_view enhanced;  // "": any.
  std::string_view text;      // Lower case part; "": any.
  Meaning meaning;
  milliseconds wait;  // When the text names none; zero: none known.
};

constexpr milliseconds kNoWait{0};

constexpr std::array kRows = std::to_array<Row>({
    // A login that fails for a reason other than the credentials.
    {kLogin, 0, "", "too many login attempts", Meaning::kThrottled, minutes(15)},
    {kLogin, 0, "", "too many bad auth attempts", Meaning::kThrottled, minutes(15)},
    {kLogin, 0, "", "too many failed", Meaning::kThrottled, minutes(15)},
    {kLogin, 0, "", "login attempts exceeded", Meaning::kThrottled, minutes(15)},
    {kLogin, 0, "", "concurrent connections limit", Meaning::kThrottled, kNoWait},
    {kLogin, 0, "", "frequen", Meaning::kThrottled, minutes(15)},  // QQ, 163.
    {kLogin, 454, "4.7.0", "try again later", Meaning::kThrottled, kNoWait},
    {kLogin, 421, "", "", Meaning::kThrottled, kNoWait},
    // Encryption and credentials.
    {kAnyStep, 0, "", "starttls command first", Meaning::kTls, kNoWait},
    {kAnyStep, 538, "", "", Meaning::kTls, kNoWait},
    {kAnyStep, 523, "", "", Meaning::kTls, kNoWait},
    {kAnyStep, 5, "5.7.11", "", Meaning::kTls, kNoWait},
    {kAnyStep, 530, "", "", Meaning::kCredentials, kNoWait},
    {kAnyStep, 534, "", "", Meaning::kCredentials, kNoWait},
    {kAnyStep, 535, "", "", Meaning::kCredentials, kNoWait},
    {kAnyStep, 5, "5.7.8", "", Meaning::kCredentials, kNoWait},
    {kAnyStep, 5, "5.7.57", "", Meaning::kCredentials, kNoWait},  // Exchange: not authenticated.
    {kSending, 5, "", "authentication required", Meaning::kCredentials, kNoWait},
    {kSending, 5, "", "authenticate first", Meaning::kCredentials, kNoWait},
    // Limits of connections and rate.
    {kAnyStep, 432, "4.3.2", "", Meaning::kThrottled, kNoWait},  // Exchange: concurrency.
    {kAnyStep, 0, "", "concurrent connections limit", Meaning::kThrottled, kNoWait},
    {kAnyStep, 0, "", "sender thread limit", Meaning::kThrottled, kNoWait},
    {kAnyStep, 0, "", "too many connections", Meaning::kThrottled, kNoWait},
    {kAnyStep, 0, "", "too many concurrent", Meaning::kThrottled, kNoWait},
    {kAnyStep, 0, "", "too many sessions", Meaning::kThrottled, kNoWait},
    {kAnyStep, 0, "", "submission rate", Meaning::kThrottled, minutes(1)},  // Exchange.
    {kAnyStep, 0, "", "request is throttled", Meaning::kThrottled, kNoWait},
    {kAnyStep, 0, "", "server busy", Meaning::kThrottled, kNoWait},
    {kAnyStep, 0, "", "rate limit", Meaning::kThrottled, kNoWait},
    {kAnyStep, 4, "", "ratelimit", Meaning::kThrottled, kNoWait},
    {kAnyStep, 4, "", "too much mail", Meaning::kThrottled, kNoWait},
    {kAnyStep, 4, "", "too many messages", Meaning::kThrottled, kNoWait},
    {kAnyStep, 4, "", "mail send limit", Meaning::kThrottled, kNoWait},
    {kAnyStep, 4, "", "unusual rate", Meaning::kThrottled, kNoWait},          // Gmail.
    {kAnyStep, 4, "", "temporarily deferred", Meaning::kThrottled, kNoWait},  // Yahoo.
    {kAnyStep, 4, "4.7.28", "", Meaning::kThrottled, kNoWait},                // Gmail.
    {kAnyStep, 421, "4.7.0", "", Meaning::kThrottled, kNoWait},               // Gmail, Yahoo.
    {kAnyStep, 451, "4.7.500", "", Meaning::kThrottled, kNoWait},             // Exchange Online.
    {kConnecting, 4, "4.7.1", "", Meaning::kThrottled, kNoWait},
    {kConnecting, 4, "4.3.2", "", Meaning::kThrottled, kNoWait},
    // Limits per day: permanent by their digit, but they pass.
    {kSending, 0, "", "daily sending quota", Meaning::kThrottled, minutes(60)},
    {kSending, 0, "", "daily limit", Meaning::kThrottled, minutes(60)},
    {kSending, 550, "5.4.5", "", Meaning::kThrottled, minutes(60)},  // Gmail.
    {kSending, 0, "", "sending limit", Meaning::kThrottled, minutes(60)},
    {kSending, 0, "", "exceeded the recipient rate", Meaning::kThrottled, minutes(60)},
    {kSending, 554, "5.2.0", "submissionquotaexceeded", Meaning::kThrottled, minutes(60)},
    {kSending, 550, "5.7.705", "", Meaning::kThrottled, minutes(60)},  // Exchange Online.
    // Never, whatever the first digit.
    {kSending, 0, "", "sendasdenied", Meaning::kMessage, kNoWait},  // Exchange.
});

bool CodeMatches(uint16_t wanted, uint16_t code) {
  return wanted == 0 || wanted == code || wanted == code / 100;
}

bool Matches(const Row& row, Step step, const Reply& reply, std::string_view enhanced,
             std::string_view lower_text) {
  return (row.steps == kAnyStep || (row.steps & Bit(step)) != 0) &&
         CodeMatches(row.code, reply.code) && (row.enhanced.empty() || row.enhanced == enhanced) &&
         lower_text.find(row.text) != std::string_view::npos;
}

Meaning UsualMeaning(const Reply& reply, Step step) {
  return reply.permanent() && step >= Step::kMail ? Meaning::kMessage : Meaning::kTemporary;
}

Code CodeOf(Meaning meaning, const Reply& reply, Step step) {
  switch (meaning) {
    case Meaning::kThrottled:
      return Code::kThrottled;
    case Meaning::kCredentials:
      return Code::kAuthFailed;
    case Meaning::kTls:
      return Code::kTlsFailed;
    case Meaning::kMessage:
      return Code::kMessageRejected;
    case Meaning::kTemporary:
      break;
  }
  if (reply.code == 421) {
    return Code::kUnreachable;
  }
  return step == Step::kStartTls ? Code::kTlsFailed : Code::kServerRefused;
}

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

milliseconds UnitOf(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
  if (text.starts_with("ms") || text.starts_with("millisecond")) {
    return milliseconds(1);
  }
  if (text.starts_with("m")) {
    return minutes(1);
  }
  if (text.starts_with("h")) {
    return std::chrono::hours(1);
  }
  return std::chrono::seconds(1);
}

// The wait that stands behind `hint` in `text`, both lower case.
milliseconds WaitBehind(std::string_view text, std::string_view hint) {
  const size_t at = text.find(hint);
  if (at == std::string_view::npos) {
    return kNoWait;
  }
  text.remove_prefix(at + hint.size());
  text.remove_prefix(std::min(text.find_first_not_of(": "), text.size()));
  int64_t amount = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), amount);
  if (error != std::errc() || !IsDigit(text.front())) {
    return kNoWait;
  }
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  const milliseconds unit = UnitOf(text);
  return amount > kWaitMax / unit ? kWaitMax : unit * amount;
}

}  // namespace

milliseconds WaitFromText(std::string_view text) {
  const std::string lower = AsciiLowered(text);
  for (const std::string_view hint :
       {"suggested backoff time", "try again in", "try again after", "retry after", "retry in",
        "retry again in", "please wait", "wait for", "wait"}) {
    const milliseconds wait = WaitBehind(lower, hint);
    if (wait > kNoWait) {
      return wait;
    }
  }
  return kNoWait;
}

Refusal ClassifyRefusal(const Reply& reply, Step step, std::string_view what) {
  std::string text = AsciiLowered(reply.text);
  std::replace(text.begin(), text.end(), '\n', ' ');
  const std::string enhanced = reply.enhanced.ToString();
  const auto row = std::find_if(kRows.begin(), kRows.end(), [&](const Row& candidate) {
    return Matches(candidate, step, reply, enhanced, text);
  });
  const Meaning meaning = row == kRows.end() ? UsualMeaning(reply, step) : row->meaning;
  Refusal refusal;
  refusal.status =
      Status(CodeOf(meaning, reply, step), std::string(what) + " was refused: " + reply.ToString());
  refusal.permanent = meaning == Meaning::kMessage;
  if (meaning == Meaning::kThrottled) {
    milliseconds wait = WaitFromText(reply.text);
    if (wait == kNoWait && row != kRows.end()) {
      wait = row->wait;
    }
    refusal.status = wait > kNoWait ? refusal.status.WithRetryAfter(wait) : refusal.status;
  }
  return refusal;
}

}  // namespace mailhaul::smtp
