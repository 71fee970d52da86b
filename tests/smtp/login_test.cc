#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/smtp/session_fixture.h"

namespace mailhaul::smtp {
namespace {

using Lines = std::vector<std::string>;

TEST_F(SmtpSessionTest, LogsInWithPlain) {
  world_.UseLogin();
  EXPECT_EQ(world_.OpenAndSend().state, SendState::kSent);
  EXPECT_EQ(server().counters.lines[1], "AUTH PLAIN");
  EXPECT_EQ(world_.Count("AUTH"), 1U);
}

TEST_F(SmtpSessionTest, LogsInWithLogin) {
  world_.UseLogin();
  server().script.extensions.back() = "AUTH=LOGIN";
  EXPECT_EQ(world_.OpenAndSend().state, SendState::kSent);
  EXPECT_EQ(server().counters.lines[1], "AUTH LOGIN");
}

TEST_F(SmtpSessionTest, LongInitialResponsesWaitForTheChallenge) {
  world_.UseLogin();
  const std::string password(600, 'p');
  world_.credentials.password = Secret(password);
  server().script.users[kUser] = password;
  EXPECT_EQ(world_.OpenAndSend().state, SendState::kSent);
}

TEST_F(SmtpSessionTest, WrongPasswordsAreTheUsers) {
  world_.UseLogin();
  server().script.users[kUser] = "another";
  const Status opened = world_.Open();
  EXPECT_EQ(opened.code(), Code::kAuthFailed);
  EXPECT_EQ(opened.message().find(kPassword), std::string::npos);
  EXPECT_EQ(world_.Count("MAIL"), 0U);
}

TEST_F(SmtpSessionTest, SecretsThatServersQuoteAreWithheld) {
  world_.UseLogin();
  for (const std::string& quoted :
       {std::string(kPassword), std::string("AGFsaWNlAGNvcnJlY3QgaG9yc2U=")}) {
    server().script.answers["AUTH"] = "535 5.7.8 you said " + quoted;
    const Status opened = world_.Open();
    EXPECT_EQ(opened.code(), Code::kAuthFailed);
    EXPECT_NE(opened.message().find("withheld"), std::string::npos) << opened.message();
  }
}

TEST_F(SmtpSessionTest, NoAuthOffered) {
  world_.UseLogin();
  server().script.extensions.pop_back();
  EXPECT_EQ(world_.Open().code(), Code::kServerRefused);
  world_.Offer({"AUTH GSSAPI NTLM"});
  EXPECT_EQ(world_.Open().code(), Code::kServerRefused);
  EXPECT_EQ(world_.Count("AUTH"), 0U);
}

TEST_F(SmtpSessionTest, ThrottledLogins) {
  world_.UseLogin();
  server().script.answers["AUTH"] = "454 4.7.0 Too many login attempts, please try again later.";
  EXPECT_EQ(world_.Open().code(), Code::kThrottled);
}

TEST_F(SmtpSessionTest, HeloOnlyInTheClearAndWithoutLogin) {
  server().script.answers["EHLO"] = "502 5.5.1 not implemented";
  EXPECT_EQ(world_.Open().code(), Code::kServerRefused);
  EXPECT_EQ(world_.Count("HELO"), 0U);
  world_.address.security = Security::kPlaintext;
  EXPECT_EQ(world_.OpenAndSend().state, SendState::kSent);
  EXPECT_EQ(world_.Count("HELO"), 1U);
  world_.UseLogin();
  EXPECT_EQ(world_.Open().code(), Code::kServerRefused);
  EXPECT_EQ(world_.Count("HELO"), 1U);
}

TEST_F(SmtpSessionTest, ClientNamesAreChecked) {
  world_.options.client_name = "x\r\nMAIL FROM:<>";
  EXPECT_EQ(world_.Open().code(), Code::kInvalidArgument);
  EXPECT_EQ(server().counters.connections, 0U);
}

TEST_F(SmtpSessionTest, OneDeadlineUntilTheLoginIsDone) {
  world_.UseLogin();
  server().script.delay_per_reply = std::chrono::seconds(25);
  const TimePoint begin = world_.loop.Now();
  EXPECT_EQ(world_.Open().code(), Code::kTimeout);
  EXPECT_EQ(world_.loop.Now() - begin, world_.options.login_timeout);
}

TEST_F(SmtpSessionTest, TheLoginsDeadlineEndsWithIt) {
  server().script.delay_per_reply = std::chrono::seconds(25);
  EXPECT_EQ(world_.OpenAndSend().state, SendState::kSent);
}

}  // namespace
}  // namespace mailhaul::smtp
