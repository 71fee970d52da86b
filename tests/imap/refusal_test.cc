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

const Case kCodeCases[] = {
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
    {"TRYCREATE", "no such folder", Code::kServerRefused, Code::kNotFound},
    {"ALREADYEXISTS", "it is there", Code::kServerRefused, Code::kAlreadyExists},
    {"TOOBIG", "too big", Code::kServerRefused, Code::kMessageRejected},
    {"SERVERBUG", "Internal error", Code::kServerRefused, Code::kServerRefused},
    {"CLIENTBUG", "what", Code::kServerRefused, Code::kServerRefused},
    {"CORRUPTION", "index is broken", Code::kServerRefused, Code::kServerRefused},
    {"NOPERM", "not yours", Code::kServerRefused, Code::kServerRefused},
    {"CONTACTADMIN", "Account is locked", Code::kServerRefused, Code::kServerRefused},
    {"PRIVACYREQUIRED", "use TLS", Code::kServerRefused, Code::kServerRefused},
    {"CANNOT", "invalid name", Code::kAuthFailed, Code::kServerRefused},
    {"EXPUNGEISSUED", "some are gone", Code::kAuthFailed, Code::kServerRefused},
    {"WEBALERT", "Web login required", Code::kAuthFailed, Code::kAuthFailed},
    // Servers that say one and mean the other.
    {"AUTHENTICATIONFAILED", "Too many login attempts", Code::kThrottled, Code::kThrottled},
    {"SERVERBUG", "LOGIN Server error - Please try again later", Code::kThrottled,
     Code::kThrottled},
    {"ALERT", "Too many simultaneous connections. (Failure)", Code::kThrottled, Code::kThrottled},
    {"ALERT", "Invalid credentials (Failure)", Code::kAuthFailed, Code::kServerRefused},
    {"ALERT", "Please log in via your web browser: https://support.example", Code::kAuthFailed,
     Code::kAuthFailed},
    {"ALERT", "Application-specific password required: https://support.example (Failure)",
     Code::kAuthFailed, Code::kAuthFailed},
    {"ALERT", "Your account is not enabled for IMAP use.", Code::kServerRefused,
     Code::kServerRefused},
};

const Case kTextCases[] = {
    {"", "LOGIN failed.", Code::kAuthFailed, Code::kServerRefused},
    {"", "Error: Too many connections", Code::kThrottled, Code::kThrottled},
    {"", "Maximum number of connections from user+IP exceeded (mail_max_userip_connections=10)",
     Code::kThrottled, Code::kThrottled},
    {"", "Maximum connection limit reached", Code::kThrottled, Code::kThrottled},
    {"", "too many concurrent connections", Code::kThrottled, Code::kThrottled},
    {"", "Too many open connections", Code::kThrottled, Code::kThrottled},
    {"", "too many sessions", Code::kThrottled, Code::kThrottled},
    {"", "Too many login failures", Code::kThrottled, Code::kThrottled},
    {"", "Too many failed attempts", Code::kThrottled, Code::kThrottled},
    {"", "Too many auth requests", Code::kThrottled, Code::kThrottled},
    {"", "Too many commands in a minute", Code::kThrottled, Code::kThrottled},
    {"", "too many requests", Code::kThrottled, Code::kThrottled},
    {"", "Too many bad commands, disconnecting", Code::kThrottled, Code::kThrottled},
    {"", "Connection limit exceeded", Code::kThrottled, Code::kThrottled},
    {"", "Account exceeded command or bandwidth limits. (Failure)", Code::kThrottled,
     Code::kThrottled},
    {"", "rate limit exceeded", Code::kThrottled, Code::kThrottled},
    {"", "Request is throttled.", Code::kThrottled, Code::kThrottled},
    {"", "Suggested Backoff Time: 10 milliseconds", Code::kThrottled, Code::kThrottled},
    {"", "bandwidth limit exceeded", Code::kThrottled, Code::kThrottled},
    {"", "Please try again later", Code::kThrottled, Code::kThrottled},
    {"", "busy, try later", Code::kThrottled, Code::kThrottled},
    {"", "Service temporarily unavailable", Code::kThrottled, Code::kThrottled},
    {"", "Your IP is temporarily blocked", Code::kThrottled, Code::kThrottled},
    {"", "account temporarily locked", Code::kThrottled, Code::kThrottled},
    {"", "Temporary authentication failure. [host:2026]", Code::kThrottled, Code::kThrottled},
    {"", "Temporary system problem. Please wait", Code::kThrottled, Code::kThrottled},
    {"", "Server is busy", Code::kThrottled, Code::kThrottled},
    {"", "Server Busy", Code::kThrottled, Code::kThrottled},
    {"", "Login fail. System busy", Code::kThrottled, Code::kThrottled},
    {"", "system is busy", Code::kThrottled, Code::kThrottled},
    {"", "Server Unavailable. 15", Code::kThrottled, Code::kThrottled},
    {"", "Service Unavailable", Code::kThrottled, Code::kThrottled},
    {"", "Mailbox is locked by POP server", Code::kThrottled, Code::kThrottled},
    {"", "User is authenticated but not connected.", Code::kThrottled, Code::kThrottled},
    {"",
     "Login fail. Account is abnormal, service is not open, password is incorrect, login "
     "frequency limited, or system is busy.",
     Code::kAuthFailed, Code::kThrottled},
    {"", "login frequency limited", Code::kThrottled, Code::kThrottled},
    {"", "Login too frequently", Code::kThrottled, Code::kThrottled},
    {"", "Session invalidated - AccessTokenExpired", Code::kAuthFailed, Code::kAuthFailed},
    {"", "AccessTokenExpired", Code::kAuthFailed, Code::kAuthFailed},
    {"", "Invalid login or session expired", Code::kAuthFailed, Code::kAuthFailed},
    {"", "Web login required", Code::kAuthFailed, Code::kAuthFailed},
    {"", "SELECT Unsafe Login. Please contact kefu@188.com for help", Code::kAuthFailed,
     Code::kAuthFailed},
    {"", "IMAP access is disabled for your domain", Code::kServerRefused, Code::kServerRefused},
    {"", "IMAP is disabled", Code::kServerRefused, Code::kServerRefused},
    {"", "This account doesn't have IMAP", Code::kServerRefused, Code::kServerRefused},
    {"", "System I/O error", Code::kServerRefused, Code::kServerRefused},
    {"", "Internal error occurred. Refer to server log", Code::kServerRefused,
     Code::kServerRefused},
    {"", "Mailbox does not exist", Code::kAuthFailed, Code::kNotFound},
    {"", "Mailbox doesn't exist: x", Code::kAuthFailed, Code::kNotFound},
    {"", "[TRYCREATE] Unknown Mailbox: x (Failure)", Code::kAuthFailed, Code::kNotFound},
};

Response Refusal(const std::string& code, const std::string& text) {
  Response response;
  response.kind = ResponseKind::kTagged;
  response.condition = Condition::kNo;
  response.code.name = code;
  response.text = text;
  return response;
}

void ExpectMeaning(const Case& row) {
  const Response refusal = Refusal(row.code, row.text);
  EXPECT_EQ(ClassifyLoginRefusal(refusal, "LOGIN").code(), row.login)
      << row.code << " " << row.text;
  EXPECT_EQ(ClassifyRefusal(refusal, "EXAMINE", Code::kServerRefused).code(), row.command)
      << row.code << " " << row.text;
}

TEST(RefusalTest, EveryKnownCodeHasItsMeaning) {
  for (const Case& row : kCodeCases) {
    ExpectMeaning(row);
  }
}

TEST(RefusalTest, EveryKnownTextHasItsMeaning) {
  for (const Case& row : kTextCases) {
    ExpectMeaning(row);
  }
}

TEST(RefusalTest, HintsOfThrottlingAreSeenInSuccess) {
  const auto hint = [](const char* code, const char* text) {
    Response response = Refusal(code, text);
    response.condition = Condition::kOk;
    return HintOfThrottling(response).code();
  };
  EXPECT_EQ(hint("THROTTLED", "done"), Code::kThrottled);
  EXPECT_EQ(hint("LIMIT", "done"), Code::kThrottled);
  EXPECT_EQ(hint("INUSE", "done"), Code::kThrottled);
  EXPECT_EQ(hint("UNAVAILABLE", "done"), Code::kThrottled);
  EXPECT_EQ(hint("ALERT", "Too many simultaneous connections"), Code::kThrottled);
  EXPECT_EQ(hint("OVERQUOTA", "bandwidth limit"), Code::kThrottled);
  EXPECT_EQ(hint("OVERQUOTA", "the mailbox is full"), Code::kOk);
  EXPECT_EQ(hint("READ-ONLY", "try again later"), Code::kOk);
  EXPECT_EQ(hint("", "FETCH completed, 3 messages about rate limits"), Code::kOk);
  EXPECT_EQ(HintOfThrottling(Refusal("THROTTLED", "a refusal is no hint")).code(), Code::kOk);
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
