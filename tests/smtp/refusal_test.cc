#include "connectors/smtp/refusal.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "connectors/smtp/reply_parser.h"

namespace mailhaul::smtp {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

Reply ParseReply(const std::string& line) {
  ReplyParser parser;
  const std::string text = line + "\r\n";
  std::string_view input(text);
  EXPECT_TRUE(*parser.Next(&input)) << line;
  return parser.reply();
}

struct Case {
  Step step;
  const char* line;
  Code code;
  bool permanent;
  milliseconds wait;
};

constexpr milliseconds kNoWait{0};

void Check(const Case& c) {
  const Refusal refusal = ClassifyRefusal(ParseReply(c.line), c.step, "it");
  EXPECT_EQ(ToString(refusal.status.code()), ToString(c.code)) << c.line;
  EXPECT_EQ(refusal.permanent, c.permanent) << c.line;
  EXPECT_EQ(refusal.status.retry_after(), c.wait) << c.line;
}

TEST(RefusalTest, Logins) {
  for (const Case& c : {
           Case{Step::kLogin, "535 5.7.8 Username and Password not accepted.", Code::kAuthFailed,
                false, kNoWait},
           Case{Step::kLogin, "535 5.7.3 Authentication unsuccessful [x.prod.outlook.com]",
                Code::kAuthFailed, false, kNoWait},
           Case{Step::kLogin,
                "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled",
                Code::kAuthFailed, false, kNoWait},
           Case{Step::kLogin, "534 5.7.9 Application-specific password required.",
                Code::kAuthFailed, false, kNoWait},
           Case{Step::kLogin, "530 5.7.0 Authentication Required.", Code::kAuthFailed, false,
                kNoWait},
           Case{Step::kLogin, "550 5.7.8 bad credentials", Code::kAuthFailed, false, kNoWait},
           Case{Step::kLogin, "538 5.7.11 Encryption required", Code::kTlsFailed, false, kNoWait},
           Case{Step::kLogin, "538 encrypt first", Code::kTlsFailed, false, kNoWait},
           Case{Step::kLogin, "523 5.7.10 Encryption needed", Code::kTlsFailed, false, kNoWait},
           Case{Step::kLogin, "500 5.7.11 Encryption required", Code::kTlsFailed, false, kNoWait},
           Case{Step::kLogin, "530 5.7.0 Must issue a STARTTLS command first.", Code::kTlsFailed,
                false, kNoWait},
           Case{Step::kLogin, "454 4.7.0 Too many login attempts, please try again later.",
                Code::kThrottled, false, minutes(15)},
           Case{Step::kLogin, "535 5.7.0 (#AUTH005) Too many bad auth attempts.", Code::kThrottled,
                false, minutes(15)},
           Case{Step::kLogin, "535 too many failed logins", Code::kThrottled, false, minutes(15)},
           Case{Step::kLogin, "421 4.7.0 Login attempts exceeded", Code::kThrottled, false,
                minutes(15)},
           Case{Step::kLogin, "535 Error: login frequency limited, wait 600 seconds",
                Code::kThrottled, false, minutes(10)},
           Case{Step::kLogin, "535 5.7.3 concurrent connections limit", Code::kThrottled, false,
                kNoWait},
           Case{Step::kLogin, "454 4.7.0 Cannot authenticate now, try again later.",
                Code::kThrottled, false, kNoWait},
           Case{Step::kLogin, "421 4.4.2 bye", Code::kThrottled, false, kNoWait},
           Case{Step::kLogin, "454 4.7.0 Temporary authentication failure", Code::kServerRefused,
                false, kNoWait},
           Case{Step::kLogin, "504 5.5.4 Unrecognized authentication type", Code::kServerRefused,
                false, kNoWait},
       }) {
    Check(c);
  }
}

TEST(RefusalTest, Connecting) {
  for (const Case& c : {
           Case{Step::kGreeting, "421 4.7.0 mx Error: too many connections from 192.0.2.1",
                Code::kThrottled, false, kNoWait},
           Case{Step::kGreeting, "421 4.3.2 Service not available", Code::kThrottled, false,
                kNoWait},
           Case{Step::kGreeting, "450 4.7.1 Greylisted", Code::kThrottled, false, kNoWait},
           Case{Step::kGreeting, "421 Too many concurrent SMTP connections", Code::kThrottled,
                false, kNoWait},
           Case{Step::kGreeting, "421 too many sessions from your address", Code::kThrottled, false,
                kNoWait},
           Case{Step::kGreeting, "421 Service shutting down", Code::kUnreachable, false, kNoWait},
           Case{Step::kGreeting, "554 5.7.1 No service for you", Code::kServerRefused, false,
                kNoWait},
           Case{Step::kHello, "501 5.5.2 bad name", Code::kServerRefused, false, kNoWait},
           Case{Step::kStartTls, "454 4.7.0 TLS not available due to local problem",
                Code::kTlsFailed, false, kNoWait},
           Case{Step::kStartTls, "502 5.5.1 not implemented", Code::kTlsFailed, false, kNoWait},
           Case{Step::kStartTls, "421 4.7.0 Try again later, closing connection.", Code::kThrottled,
                false, kNoWait},
       }) {
    Check(c);
  }
}

TEST(RefusalTest, RateLimits) {
  for (const Case& c : {
           Case{Step::kMail,
                "432 4.3.2 Concurrent connections limit exceeded. Visit https://aka.ms/concurrent",
                Code::kThrottled, false, kNoWait},
           Case{Step::kMail, "432 4.3.2 STOREDRV.ClientSubmit", Code::kThrottled, false, kNoWait},
           Case{Step::kMail, "450 Too many connections", Code::kThrottled, false, kNoWait},
           Case{Step::kMail, "450 4.2.1 an unusual rate of mail", Code::kThrottled, false, kNoWait},
           Case{Step::kMail, "451 4.3.1 Concurrent connections limit reached", Code::kThrottled,
                false, kNoWait},
           Case{Step::kEndOfData, "430 4.3.0 STOREDRV.ClientSubmit; sender thread limit exceeded",
                Code::kThrottled, false, kNoWait},
           Case{Step::kMail,
                "421 4.4.2 Message submission rate for this client has exceeded the configured "
                "limit",
                Code::kThrottled, false, minutes(1)},
           Case{Step::kMail, "451 4.7.500 Server busy. Please try again later from [192.0.2.1].",
                Code::kThrottled, false, kNoWait},
           Case{Step::kMail, "451 4.7.500 Access limited", Code::kThrottled, false, kNoWait},
           Case{Step::kMail, "451 Server busy", Code::kThrottled, false, kNoWait},
           Case{Step::kMail,
                "451 Request is throttled. Suggested Backoff Time: 299961 milliseconds",
                Code::kThrottled, false, milliseconds(299961)},
           Case{Step::kMail, "450 4.7.1 Rate limit exceeded, retry after 60s", Code::kThrottled,
                false, minutes(1)},
           Case{Step::kMail, "451 4.7.1 Ratelimit, please try again in 5 minutes", Code::kThrottled,
                false, minutes(5)},
           Case{Step::kMail, "450 4.7.1 Error: too much mail from 192.0.2.1", Code::kThrottled,
                false, kNoWait},
           Case{Step::kMail, "452 too many messages in this hour", Code::kThrottled, false,
                kNoWait},
           Case{Step::kRecipient, "450 Requested mail action not taken: mail send limit exceeded",
                Code::kThrottled, false, kNoWait},
           Case{Step::kEndOfData,
                "421 4.7.28 Gmail has detected an unusual rate of unsolicited mail.",
                Code::kThrottled, false, kNoWait},
           Case{Step::kEndOfData, "450 4.7.28 Slow down", Code::kThrottled, false, kNoWait},
           Case{Step::kMail, "421 4.7.0 Try again later, closing connection.", Code::kThrottled,
                false, kNoWait},
           Case{Step::kMail,
                "451 4.7.1 [TSS04] Messages from 192.0.2.1 temporarily deferred due to user "
                "complaints",
                Code::kThrottled, false, kNoWait},
           Case{Step::kEndOfData, "550 5.4.5 Daily user sending limit exceeded.", Code::kThrottled,
                false, hours(1)},
           Case{Step::kEndOfData, "550 5.4.5 Daily SMTP relay limit", Code::kThrottled, false,
                hours(1)},
           Case{Step::kRecipient, "554 5.7.1 daily sending quota exceeded", Code::kThrottled, false,
                hours(1)},
           Case{Step::kRecipient, "550 Daily limit of messages reached, wait 2 hours",
                Code::kThrottled, false, hours(2)},
           Case{Step::kMail, "550 5.7.1 You have exceeded your sending limit", Code::kThrottled,
                false, hours(1)},
           Case{Step::kRecipient, "550 5.7.233 tenant exceeded the recipient rate limit",
                Code::kThrottled, false, kNoWait},
           Case{Step::kRecipient, "550 5.1.90 sender exceeded the recipient rate", Code::kThrottled,
                false, hours(1)},
           Case{Step::kEndOfData, "554 5.2.0 STOREDRV; SubmissionQuotaExceededException",
                Code::kThrottled, false, hours(1)},
           Case{Step::kEndOfData, "550 5.7.705 Access denied, tenant has exceeded threshold",
                Code::kThrottled, false, hours(1)},
       }) {
    Check(c);
  }
}

TEST(RefusalTest, Messages) {
  for (const Case& c : {
           Case{Step::kMail, "530 5.7.0 Must issue a STARTTLS command first", Code::kTlsFailed,
                false, kNoWait},
           Case{Step::kMail, "530-5.7.0 Authentication Required. Learn more\r\n530 5.7.0 at x",
                Code::kAuthFailed, false, kNoWait},
           Case{Step::kMail, "550 5.7.57 Client not authenticated to send mail", Code::kAuthFailed,
                false, kNoWait},
           Case{Step::kMail, "503 5.5.1 Authentication required", Code::kAuthFailed, false,
                kNoWait},
           Case{Step::kMail, "503 please authenticate first", Code::kAuthFailed, false, kNoWait},
           Case{Step::kMail, "552 5.3.4 Message size exceeds fixed limit", Code::kMessageRejected,
                true, kNoWait},
           Case{Step::kMail, "550 5.1.8 Access denied, bad outbound sender", Code::kMessageRejected,
                true, kNoWait},
           Case{Step::kMail, "553 5.7.1 Sender address rejected: not owned by user a",
                Code::kMessageRejected, true, kNoWait},
           Case{Step::kRecipient, "550 5.1.1 The email account does not exist",
                Code::kMessageRejected, true, kNoWait},
           Case{Step::kRecipient, "450 4.2.1 The user is receiving mail too quickly",
                Code::kServerRefused, false, kNoWait},
           Case{Step::kRecipient, "452 4.2.2 The email account is over quota", Code::kServerRefused,
                false, kNoWait},
           Case{Step::kRecipient, "452 4.5.3 Too many recipients", Code::kServerRefused, false,
                kNoWait},
           Case{Step::kMail, "452 4.3.1 Insufficient system storage", Code::kServerRefused, false,
                kNoWait},
           Case{Step::kEndOfData,
                "554 5.2.252 SendAsDenied; a@b not allowed to send as c@d; "
                "STOREDRV.Submission.Exception:SendAsDeniedException",
                Code::kMessageRejected, true, kNoWait},
           Case{Step::kEndOfData, "430 4.2.0 STOREDRV; SendAsDeniedException.MapiException",
                Code::kMessageRejected, true, kNoWait},
           Case{Step::kEndOfData, "550 5.2.252 not allowed", Code::kMessageRejected, true, kNoWait},
           Case{Step::kEndOfData, "552-5.7.0 This message was blocked\r\n552 5.7.0 because",
                Code::kMessageRejected, true, kNoWait},
           Case{Step::kEndOfData, "554 5.7.9 Message not accepted for policy reasons",
                Code::kMessageRejected, true, kNoWait},
           Case{Step::kEndOfData, "421 4.3.0 Closing", Code::kUnreachable, false, kNoWait},
           Case{Step::kEndOfData, "451 4.3.0 Mail server temporarily rejected message",
                Code::kServerRefused, false, kNoWait},
       }) {
    Check(c);
  }
}

TEST(RefusalTest, SaysWhatWasRefusedEscaped) {
  const Refusal refusal =
      ClassifyRefusal(ParseReply("550 5.1.1 no \x1B[2J"), Step::kRecipient, "RCPT TO a@b");
  EXPECT_EQ(refusal.status.message(), "RCPT TO a@b was refused: 550 5.1.1 no \\x1b[2J");
}

TEST(RefusalTest, TextsMayBreakAcrossLines) {
  Check({Step::kLogin, "454-4.7.0 Too many login\r\n454 4.7.0 attempts", Code::kThrottled, false,
         minutes(15)});
}

TEST(RefusalTest, Waits) {
  EXPECT_EQ(WaitFromText("Suggested Backoff Time: 1500 milliseconds"), milliseconds(1500));
  EXPECT_EQ(WaitFromText("Try again in 30 seconds."), seconds(30));
  EXPECT_EQ(WaitFromText("retry after 90"), seconds(90));
  EXPECT_EQ(WaitFromText("please wait 2 min"), minutes(2));
  EXPECT_EQ(WaitFromText("wait for 3h"), hours(3));
  EXPECT_EQ(WaitFromText("try again in 999999999999999999 hours"), hours(24));
  EXPECT_EQ(WaitFromText("try again in 99999999999999999999999 hours"), kNoWait);
  EXPECT_EQ(WaitFromText("try again in -5 seconds"), kNoWait);
  EXPECT_EQ(WaitFromText("try again in"), kNoWait);
  EXPECT_EQ(WaitFromText("try again later"), kNoWait);
  EXPECT_EQ(WaitFromText(""), kNoWait);
}

}  // namespace
}  // namespace mailhaul::smtp
