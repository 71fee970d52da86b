#include "connectors/pop3/refusal.h"

#include <gtest/gtest.h>

#include <string>

#include "connectors/pop3/pop3_session.h"
#include "connectors/refusal_texts.h"

namespace mailhaul::pop3 {
namespace {

struct Case {
  const char* line;
  Code login;    // What it means as the answer to a login.
  Code command;  // What it means otherwise.
};

const Case kCases[] = {
    {"-ERR [IN-USE] Maximum number of connections from user+IP exceeded", Code::kThrottled,
     Code::kThrottled},
    {"-ERR [IN-USE] Do you have another POP session running?", Code::kThrottled, Code::kThrottled},
    {"-ERR [LOGIN-DELAY] minimum time between mail checks violation", Code::kThrottled,
     Code::kThrottled},
    {"-ERR [SYS/TEMP] Temporary authentication failure.", Code::kUnreachable, Code::kUnreachable},
    {"-ERR [SYS/TEMP] Server error - Please try again later.", Code::kUnreachable,
     Code::kUnreachable},
    {"-ERR [SYS/PERM] Your account is not enabled for POP access.", Code::kServerRefused,
     Code::kServerRefused},
    {"-ERR [AUTH] Authentication failed.", Code::kAuthFailed, Code::kServerRefused},
    {"-ERR [AUTH] Application-specific password required", Code::kAuthFailed, Code::kServerRefused},
    {"-ERR [LIMIT] too much", Code::kThrottled, Code::kThrottled},
    {"-ERR [THROTTLED] slow down", Code::kThrottled, Code::kThrottled},
    {"-ERR [UNAVAILABLE] later", Code::kThrottled, Code::kThrottled},
    {"-ERR [ALERT] Too many simultaneous connections", Code::kThrottled, Code::kThrottled},
    {"-ERR", Code::kAuthFailed, Code::kServerRefused},
    {"-ERR Logon failure: unknown user name or bad password.", Code::kAuthFailed,
     Code::kServerRefused},
    {"-ERR Login failed.", Code::kAuthFailed, Code::kServerRefused},
    {"-ERR Unable to log on", Code::kAuthFailed, Code::kServerRefused},
    {"-ERR Login fail. Account is abnormal, service is not open, password is incorrect, login "
     "frequency limited, or system is busy.",
     Code::kAuthFailed, Code::kServerRefused},
    {"-ERR maildrop already locked", Code::kThrottled, Code::kThrottled},
    {"-ERR /var/spool/pop/.alice.pop lock busy!  Is another session active? (11)", Code::kThrottled,
     Code::kThrottled},
    {"-ERR Your mailbox is already locked", Code::kThrottled, Code::kThrottled},
    {"-ERR mailbox locked", Code::kThrottled, Code::kThrottled},
    {"-ERR Mailbox is locked by POP server", Code::kThrottled, Code::kThrottled},
    {"-ERR maildrop is locked", Code::kThrottled, Code::kThrottled},
    {"-ERR Unable to lock maildrop", Code::kThrottled, Code::kThrottled},
    {"-ERR mailbox in use by another session", Code::kThrottled, Code::kThrottled},
    {"-ERR maildrop already in use", Code::kThrottled, Code::kThrottled},
    {"-ERR Exceeded the login limit for a 15 minute period. Reduce the frequency of requests to "
     "the POP3 server.",
     Code::kThrottled, Code::kThrottled},
    {"-ERR login allowed only every 15 minutes", Code::kThrottled, Code::kThrottled},
    {"-ERR Maximum connection limit reached", Code::kThrottled, Code::kThrottled},
    {"-ERR Too many sessions", Code::kThrottled, Code::kThrottled},
    {"-ERR too many failed logins, wait", Code::kThrottled, Code::kThrottled},
    {"-ERR Server busy", Code::kThrottled, Code::kThrottled},
    {"-ERR POP3 is disabled for this user", Code::kServerRefused, Code::kServerRefused},
    {"-ERR POP access is disabled", Code::kServerRefused, Code::kServerRefused},
    {"-ERR POP is disabled", Code::kServerRefused, Code::kServerRefused},
    {"-ERR POP3 access is not allowed", Code::kServerRefused, Code::kServerRefused},
    {"-ERR account not enabled for POP", Code::kServerRefused, Code::kServerRefused},
    {"-ERR POP3 is available only with SSL or TLS", Code::kServerRefused, Code::kServerRefused},
    {"-ERR Plaintext authentication disallowed on non-secure (SSL/TLS) connections.",
     Code::kServerRefused, Code::kServerRefused},
    {"-ERR Must issue a STLS command first", Code::kServerRefused, Code::kServerRefused},
};

StatusLine Parse(const std::string& line) {
  StatusLine status;
  EXPECT_TRUE(ParseStatusLine(line, &status)) << line;
  return status;
}

TEST(Pop3Refusal, EveryKnownRefusalHasItsMeaning) {
  for (const Case& row : kCases) {
    const StatusLine refusal = Parse(row.line);
    EXPECT_EQ(ClassifyLoginRefusal(refusal, "PASS", Capabilities()).code(), row.login) << row.line;
    EXPECT_EQ(ClassifyRefusal(refusal, "RETR", Code::kServerRefused).code(), row.command)
        << row.line;
  }
}

TEST(Pop3Refusal, ALoginDelaySaysHowLong) {
  const StatusLine refusal = Parse("-ERR [LOGIN-DELAY] too soon");
  EXPECT_EQ(ClassifyLoginRefusal(refusal, "PASS", Capabilities()).retry_after(),
            kLoginDelayDefault);
  Capabilities capabilities;
  capabilities.AddLine("LOGIN-DELAY 60");
  EXPECT_EQ(ClassifyLoginRefusal(refusal, "PASS", capabilities).retry_after(),
            std::chrono::seconds(60));
}

TEST(Pop3Refusal, QuotesServerTextEscaped) {
  EXPECT_EQ(ClassifyRefusal(Parse("-ERR [X] evil\x1b[2J"), "LIST", Code::kServerRefused).message(),
            "LIST was refused: [X] evil\\x1b[2J");
}

TEST(Pop3Refusal, OnlyThrottlingAndTroubleConcernTheSession) {
  EXPECT_TRUE(ConcernsSession(Status(Code::kThrottled, "")));
  EXPECT_TRUE(ConcernsSession(Status(Code::kUnreachable, "")));
  EXPECT_FALSE(ConcernsSession(Status(Code::kMessageRejected, "")));
}

TEST(RefusalTexts, EveryKnownTextAsksForLess) {
  for (const char* text : {"Error: Too many connections",
                           "Too many simultaneous connections. (Failure)",
                           "too many concurrent connections",
                           "Too many sessions from your host",
                           "Too many login failures",
                           "Too many logons",
                           "Too many commands in a minute",
                           "Too many requests",
                           "too many failed attempts",
                           "Too many invalid logins",
                           "Maximum number of connections from user+IP exceeded",
                           "Maximum connection limit reached",
                           "Connection limit exceeded",
                           "limit of connections per user",
                           "rate limit exceeded",
                           "Exceeded the login limit",
                           "login allowed only every 15 minutes",
                           "Logins too frequent",
                           "login too frequent",
                           "Reduce the frequency of requests",
                           "minimum interval between logins",
                           "Request is throttled.",
                           "bandwidth limit exceeded",
                           "Please try again later",
                           "busy, try later",
                           "Service temporarily unavailable",
                           "account temporarily locked",
                           "Service not available",
                           "The server is busy",
                           "Server busy",
                           "Server too busy",
                           "System is overloaded",
                           "User is authenticated but not connected."}) {
    EXPECT_TRUE(AsksForLess(text)) << text;
  }
  for (const char* text : {"", "wrong password", "no such message", "syntax error"}) {
    EXPECT_FALSE(AsksForLess(text)) << text;
  }
}

}  // namespace
}  // namespace mailhaul::pop3
