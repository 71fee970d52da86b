#include "connectors/imap/refusal.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>

namespace mailhaul::imap {
namespace {

struct Case {
  const char* code;
  const char* text;
  Code login;    // What it means as the answer to a login.
  Code command;  // What it means otherwise.
};

const Case kCases[] = {
    {"AUTHENTICATIONFAILED", "Authentication failed.", Code::kAuthFailed, Code::kServerRefused},
    {"AUTHORIZATIONFAILED", "no such identity", Code::kAuthFailed, Code::kServerRefused},
    {"EXPIRED", "That password isn't the same", Code::kAuthFailed, Code::kServerRefused},
    {"INUSE", "Mailbox in use", Code::kThrottled, Code::kThrottled},
    {"LIMIT", "LOGIN Rate limit hit", Code::kThrottled, Code::kThrottled},
    {"OVERQUOTA", "Account exceeded command or bandwidth limits", Code::kThrottled,
     Code::kThrottled},
    {"THROTTLED", "slow down", Code::kThrottled, Code::kThrottled},
    {"UNAVAILABLE", "Temporary authentication failure", Code::kThrottled, Code::kThrottled},
    {"NONEXISTENT", "no such folder", Code::kAuthFailed, Code::kNotFound},
    {"SERVERBUG", "Internal error", Code::kServerRefused, Code::kServerRefused},
    {"CONTACTADMIN", "Account is locked", Code::kServerRefused, Code::kServerRefused},
    {"PRIVACYREQUIRED", "use TLS", Code::kServerRefused, Code::kServerRefused},
    {"ALERT", "Too many simultaneous connections. (Failure)", Code::kThrottled, Code::kThrottled},
    {"ALERT", "Invalid credentials (Failure)", Code::kAuthFailed, Code::kServerRefused},
    {"", "LOGIN failed.", Code::kAuthFailed, Code::kServerRefused},
    {"", "Error: Too many connections", Code::kThrottled, Code::kThrottled},
    {"", "Maximum number of connections from user+IP exceeded", Code::kThrottled, Code::kThrottled},
    {"", "too many concurrent connections", Code::kThrottled, Code::kThrottled},
    {"", "Too many login failures", Code::kThrottled, Code::kThrottled},
    {"", "Too many commands in a minute", Code::kThrottled, Code::kThrottled},
    {"", "rate limit exceeded", Code::kThrottled, Code::kThrottled},
    {"", "Request is throttled.", Code::kThrottled, Code::kThrottled},
    {"", "bandwidth limit exceeded", Code::kThrottled, Code::kThrottled},
    {"", "Please try again later", Code::kThrottled, Code::kThrottled},
    {"", "Service temporarily unavailable", Code::kThrottled, Code::kThrottled},
    {"", "User is authenticated but not connected.", Code::kThrottled, Code::kThrottled},
};

Response Refusal(const std::string& code, const std::string& text) {
  Response response;
  response.kind = ResponseKind::kTagged;
  response.condition = Condition::kNo;
  response.code.name = code;
  response.text = text;
  return response;
}

TEST(RefusalTest, EveryKnownRefusalHasItsMeaning) {
  for (const Case& row : kCases) {
    const Response refusal = Refusal(row.code, row.text);
    EXPECT_EQ(ClassifyLoginRefusal(refusal, "LOGIN").code(), row.login)
        << row.code << " " << row.text;
    EXPECT_EQ(ClassifyRefusal(refusal, "EXAMINE", Code::kServerRefused).code(), row.command)
        << row.code << " " << row.text;
  }
}

TEST(RefusalTest, BadToALoginDoesNotJudgeTheCredentials) {
  Response refusal = Refusal("", "Error in IMAP command");
  refusal.condition = Condition::kBad;
  EXPECT_EQ(ClassifyLoginRefusal(refusal, "LOGIN").code(), Code::kServerRefused);
}

TEST(RefusalTest, KeepsTheWaitThatTheServerAsksFor) {
  const Status status = ClassifyRefusal(
      Refusal("", "Request is throttled. Suggested Backoff Time: 299961 milliseconds"), "FETCH",
      Code::kServerRefused);
  EXPECT_EQ(status.retry_after(), std::chrono::milliseconds(299961));
}

TEST(RefusalTest, AnAbsurdWaitIsCut) {
  const Status status = ClassifyRefusal(
      Refusal("THROTTLED", "Suggested Backoff Time: 9223372036854775807 milliseconds"), "FETCH",
      Code::kServerRefused);
  EXPECT_EQ(status.retry_after(), std::chrono::hours(24));
}

TEST(RefusalTest, QuotesServerTextEscaped) {
  const Status status = ClassifyRefusal(Refusal("", "evil\x1b[2J"), "LIST", Code::kServerRefused);
  EXPECT_EQ(status.message(), "LIST was refused: evil\\x1b[2J");
}

}  // namespace
}  // namespace mailhaul::imap
