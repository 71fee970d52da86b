#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/imap/session_fixture.h"

namespace mailhaul::imap {
namespace {

class LoginTest : public SessionTest {};

using Lines = std::vector<std::string>;

TEST_F(LoginTest, LogsInOverTlsWithTheInitialResponse) {
  EXPECT_TRUE(Open().ok());
  EXPECT_EQ(server_.counters.logins, 1U);
  EXPECT_EQ(network_.tls_handshakes(), 1U);
  EXPECT_EQ(server_.counters.lines, Lines({"AUTHENTICATE"}));
}

TEST_F(LoginTest, SendsThePasswordOnlyWhenAskedWithoutSaslIr) {
  server_.options.capabilities = {"AUTH=PLAIN"};
  EXPECT_TRUE(Open().ok());
  EXPECT_EQ(server_.counters.logins, 1U);
}

TEST_F(LoginTest, UsesLoginWithoutAuthPlain) {
  server_.options.capabilities = {};
  EXPECT_TRUE(Open().ok());
  EXPECT_EQ(server_.counters.lines, Lines({"LOGIN"}));
}

TEST_F(LoginTest, SendsPasswordsInOtherScriptsAsLiterals) {
  for (const bool non_sync : {false, true}) {
    server_.options.capabilities =
        non_sync ? std::vector<std::string>{"LITERAL+"} : std::vector<std::string>{};
    server_.AddAccount("bob", "пароль");
    credentials_.username = "bob";
    credentials_.password = Secret("пароль");
    EXPECT_TRUE(Open().ok());
    CloseSession();
  }
  EXPECT_EQ(server_.counters.logins, 2U);
}

TEST_F(LoginTest, AsksForCapabilitiesWhenNobodyTells) {
  server_.options.capability_in_greeting = false;
  server_.options.capability_after_login = false;
  EXPECT_TRUE(Open().ok());
  EXPECT_EQ(server_.counters.lines, Lines({"CAPABILITY", "AUTHENTICATE", "CAPABILITY"}));
}

TEST_F(LoginTest, WrongPasswordIsAuthFailed) {
  credentials_.password = Secret("wrong");
  EXPECT_EQ(Open().code(), Code::kAuthFailed);
}

TEST_F(LoginTest, ThrottledLoginIsNoCredentialError) {
  server_.faults.refuse_login = "NO [LIMIT] Maximum number of connections exceeded";
  EXPECT_EQ(Open().code(), Code::kThrottled);
}

TEST_F(LoginTest, NeverRepeatsThePasswordThatAServerQuotes) {
  credentials_.password = Secret("hunter2secret");
  server_.faults.refuse_login = "NO no such user alice with hunter2secret";
  const Status refused = Open();
  EXPECT_EQ(refused.code(), Code::kAuthFailed);
  EXPECT_EQ(refused.message().find("hunter2secret"), std::string::npos);
}

TEST_F(LoginTest, NulAndLineEndsInCredentialsAreRefusedBeforeSending) {
  credentials_.username = std::string("ali\0ce", 6);
  EXPECT_EQ(Open().code(), Code::kInvalidArgument);
  server_.options.capabilities = {};
  credentials_.username = "alice\r\nA9 DELETE INBOX";
  EXPECT_EQ(Open().code(), Code::kInvalidArgument);
  EXPECT_TRUE(server_.counters.lines.empty());
}

TEST_F(LoginTest, ATokenIsSentAndNothingElse) {
  for (const bool initial : {true, false}) {
    server_.options.capabilities = {"AUTH=PLAIN", "AUTH=XOAUTH2"};
    if (initial) {
      server_.options.capabilities.emplace_back("SASL-IR");
    }
    credentials_.access_token = Secret(kPassword);
    EXPECT_TRUE(Open().ok());
    CloseSession();
  }
  EXPECT_EQ(server_.counters.logins, 2U);
}

TEST_F(LoginTest, ARefusedTokenIsExplained) {
  server_.options.capabilities = {"AUTH=XOAUTH2", "SASL-IR"};
  credentials_.access_token = Secret("expired-token");
  const Status refused = Open();
  EXPECT_EQ(refused.code(), Code::kAuthFailed);
  EXPECT_EQ(refused.message().find("expired-token"), std::string::npos);
}

TEST_F(LoginTest, ATokenIsNeverSentByLogin) {
  server_.options.capabilities = {"AUTH=PLAIN"};
  credentials_.access_token = Secret("token");
  EXPECT_EQ(Open().code(), Code::kServerRefused);
  EXPECT_TRUE(server_.counters.lines.empty());
}

TEST_F(LoginTest, BrokenMechanismsAreNotUsed) {
  options_.broken = {"AUTH=PLAIN"};
  EXPECT_TRUE(Open().ok());
  EXPECT_EQ(server_.counters.lines, Lines({"LOGIN"}));
}

TEST_F(LoginTest, AServerThatSaysOkBeforeScramHasFinishedIsAnImpostor) {
  for (const char* verdict : {"%T OK [CAPABILITY IMAP4rev1] welcome\r\n", "+ \r\n"}) {
    canned_ = CannedServer();
    canned_.replies = {"* OK [CAPABILITY IMAP4rev1 AUTH=SCRAM-SHA-256 SASL-IR] hi\r\n", verdict};
    canned_.stays = true;
    UseCanned();
    SeededRandom random(7);
    options_.random = &random;
    options_.command_timeout = std::chrono::seconds(5);
    const Status status = Open();
    EXPECT_NE(status.code(), Code::kOk) << verdict;
    EXPECT_EQ(canned_.received.front().find("AUTHENTICATE SCRAM-SHA-256 "), 3U);
    loop_.Await(network_.Drain());
  }
}

TEST_F(LoginTest, AChallengeThatIsNoneIsCancelled) {
  canned_.replies = {"* OK [CAPABILITY IMAP4rev1 AUTH=SCRAM-SHA-256] hi\r\n", "+ \r\n", "+ %%%\r\n",
                     "A1 BAD cancelled\r\n"};
  canned_.stays = true;
  UseCanned();
  EXPECT_EQ(Open().code(), Code::kProtocol);
  ASSERT_EQ(canned_.received.size(), 3U);
  EXPECT_EQ(canned_.received.back(), "*");
}

TEST_F(LoginTest, LoginDisabledIsSaidClearly) {
  server_.options.capabilities = {"LOGINDISABLED"};
  const Status refused = Open();
  EXPECT_EQ(refused.code(), Code::kServerRefused);
  EXPECT_NE(refused.message().find("starttls"), std::string::npos);
}

TEST_F(LoginTest, AnExpiredTokenInTheMiddleOfASessionIsSaid) {
  canned_.replies = {"* PREAUTH [CAPABILITY IMAP4rev1] hi\r\n",
                     "* BYE Session invalidated - AccessTokenExpired\r\n"};
  UseCanned();
  ASSERT_TRUE(Open().ok());
  EXPECT_EQ(loop_.Await(session_->Poll()).status().code(), Code::kAuthFailed);
}

TEST_F(LoginTest, ByeInsteadOfAGreetingIsJudgedByItsText) {
  server_.faults.greeting = "* BYE Too many connections from your address";
  EXPECT_EQ(Open().code(), Code::kThrottled);
  server_.faults.greeting = "* BYE going down";
  EXPECT_EQ(Open().code(), Code::kUnreachable);
  // A code that would otherwise leave a session usable.
  server_.faults.greeting = "* BYE [NONEXISTENT] what";
  EXPECT_EQ(Open().code(), Code::kUnreachable);
}

TEST_F(LoginTest, HangingUpWithoutAGreetingHintsAtConnectionLimits) {
  server_.faults.hang_up = true;
  const Status refused = Open();
  EXPECT_EQ(refused.code(), Code::kUnreachable);
  EXPECT_NE(refused.message().find("too many connections"), std::string::npos);
}

TEST_F(LoginTest, AServerOfAnotherProtocolIsRecognised) {
  server_.faults.greeting = "+OK POP3 ready";
  EXPECT_EQ(Open().code(), Code::kProtocol);
  server_.faults.greeting = "220 smtp.example.com ESMTP";
  EXPECT_EQ(Open().code(), Code::kProtocol);
}

TEST_F(LoginTest, ASilentServerTimesOut) {
  server_.faults.silent = true;
  const TimePoint before = clock_.Now();
  EXPECT_EQ(Open().code(), Code::kTimeout);
  EXPECT_GE(clock_.Now() - before, options_.command_timeout);
}

TEST_F(LoginTest, ASlowServerCannotDragOutALogin) {
  server_.options.capability_in_greeting = false;
  server_.faults.delay_per_command = options_.command_timeout * 2 / 3;
  EXPECT_EQ(Open().code(), Code::kTimeout);
  EXPECT_EQ(server_.counters.logins, 0U);
}

TEST_F(LoginTest, ASpuriousContinuationGetsNoSecret) {
  CannedServer& canned = canned_;
  canned.replies = {"* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] hi\r\n", "+ \r\n+ again\r\n"};
  canned.stays = true;
  UseCanned();
  EXPECT_EQ(Open().code(), Code::kProtocol);
  ASSERT_EQ(canned.received.size(), 3U);
  EXPECT_EQ(canned.received.back(), "*");
}

TEST_F(LoginTest, AnAnswerToACommandNeverSentEndsTheSession) {
  CannedServer& canned = canned_;
  canned.replies = {"* OK [CAPABILITY IMAP4rev1] hi\r\nA7 OK you are in\r\n"};
  canned.stays = true;
  UseCanned();
  EXPECT_EQ(Open().code(), Code::kProtocol);
}

TEST_F(LoginTest, FailedLoginsLeaveNoConnectionOpen) {
  server_.faults.refuse_login = "NO [AUTHENTICATIONFAILED] no";
  EXPECT_FALSE(Open().ok());
  for (const auto& [key, count] : network_.pools()) {
    EXPECT_EQ(count.open, 0U) << key.second;
  }
  EXPECT_EQ(network_.pools().size(), 1U);
}

}  // namespace
}  // namespace mailhaul::imap
