#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/pop3/session_fixture.h"

namespace mailhaul::pop3 {
namespace {

class Pop3LoginTest : public SessionTest {
 protected:
  void WithoutSasl() { std::erase(script_.capabilities, "SASL PLAIN"); }
  void OnlyApop() {
    script_.capabilities = {"TOP", "UIDL"};
    script_.timestamp = "<1896.697170952@dbc.mtview.ca.us>";
    script_.unknown = {"USER"};
    address_.security = Security::kPlaintext;
  }
};

using Lines = std::vector<std::string>;

TEST_F(Pop3LoginTest, LogsInOverTlsWithTheInitialResponse) {
  EXPECT_TRUE(Open().ok());
  EXPECT_EQ(server_.counters.logins, 1U);
  EXPECT_EQ(network_.tls_handshakes(), 1U);
  EXPECT_EQ(server_.counters.lines, Lines({"CAPA", "AUTH"}));
}

TEST_F(Pop3LoginTest, HoldsALongInitialResponseBackUntilItIsAskedFor) {
  const std::string longest(300, 'p');
  server_.AddAccount(kUser, longest);
  credentials_.password = Secret(longest);
  EXPECT_TRUE(Open().ok());
  EXPECT_EQ(server_.counters.logins, 1U);
}

TEST_F(Pop3LoginTest, UsesUserAndPassWithoutSasl) {
  WithoutSasl();
  EXPECT_TRUE(Open().ok());
  EXPECT_EQ(server_.counters.lines, Lines({"CAPA", "USER alice", "PASS"}));
}

TEST_F(Pop3LoginTest, UsesUserAndPassWithoutCapa) {
  script_.capabilities = {};
  EXPECT_TRUE(Open().ok());
  EXPECT_EQ(server_.counters.lines, Lines({"CAPA", "USER alice", "PASS"}));
}

TEST_F(Pop3LoginTest, AsksForUtf8BeforeTheLoginWhereItIsOffered) {
  script_.capabilities.emplace_back("UTF8 USER");
  server_.faults.answers["UTF8"] = "+OK";
  EXPECT_TRUE(Open().ok());
  EXPECT_EQ(server_.counters.lines, Lines({"CAPA", "UTF8", "AUTH"}));
}

TEST_F(Pop3LoginTest, ARefusalOfUtf8IsNoMatter) {
  script_.capabilities.emplace_back("UTF8");
  server_.faults.answers["UTF8"] = "-ERR not today";
  EXPECT_TRUE(Open().ok());
  EXPECT_EQ(server_.counters.logins, 1U);
}

TEST_F(Pop3LoginTest, ARefusalOfUtf8ThatConcernsTheSessionEndsIt) {
  script_.capabilities.emplace_back("UTF8");
  server_.faults.answers["UTF8"] = "-ERR [SYS/TEMP] going down";
  EXPECT_FALSE(Open().ok());
  EXPECT_EQ(server_.counters.logins, 0U);
}

TEST_F(Pop3LoginTest, MechanismsThatDoNotFitLeaveUserAndPass) {
  std::erase(script_.capabilities, "SASL PLAIN");
  script_.capabilities.emplace_back("SASL GSSAPI CRAM-MD5");
  credentials_.allow_cram_md5 = true;
  EXPECT_TRUE(Open().ok());
  EXPECT_EQ(server_.counters.lines, Lines({"CAPA", "USER alice", "PASS"}));
}

TEST_F(Pop3LoginTest, ThePasswordFollowsOnlyAnAcceptedUser) {
  WithoutSasl();
  server_.faults.answers["USER"] = "-ERR [AUTH] who?";
  EXPECT_EQ(Open().code(), Code::kAuthFailed);
  EXPECT_EQ(Commands("PASS"), 0U);
}

TEST_F(Pop3LoginTest, UserIsNotTriedInTheClearWhereItIsNotOffered) {
  script_.capabilities = {"TOP", "UIDL", "STLS"};
  address_.security = Security::kPlaintext;
  const Status refused = Open();
  EXPECT_EQ(refused.code(), Code::kServerRefused);
  EXPECT_NE(refused.message().find("starttls"), std::string::npos);
  EXPECT_EQ(Commands("USER"), 0U);
  EXPECT_EQ(server_.counters.lines, Lines({"CAPA"}));
}

TEST_F(Pop3LoginTest, ApopNeedsToBeAllowed) {
  OnlyApop();
  EXPECT_EQ(Open().code(), Code::kServerRefused);
  EXPECT_EQ(Commands("APOP"), 0U);
  credentials_.allow_cram_md5 = true;
  EXPECT_TRUE(Open().ok());
  EXPECT_EQ(Commands("APOP"), 1U);
  EXPECT_EQ(Commands("PASS"), 0U);
}

TEST_F(Pop3LoginTest, ApopIsTheLastResort) {
  script_.timestamp = "<1896.697170952@dbc.mtview.ca.us>";
  credentials_.allow_cram_md5 = true;
  EXPECT_TRUE(Open().ok());
  EXPECT_EQ(Commands("APOP"), 0U);
}

TEST_F(Pop3LoginTest, WithATokenNothingElseIsSent) {
  credentials_.access_token = Secret("ya29.token");
  EXPECT_EQ(Open().code(), Code::kServerRefused);
  EXPECT_EQ(server_.counters.lines, Lines({"CAPA"}));
}

TEST_F(Pop3LoginTest, WrongPasswordIsAuthFailed) {
  credentials_.password = Secret("wrong");
  EXPECT_EQ(Open().code(), Code::kAuthFailed);
  WithoutSasl();
  EXPECT_EQ(Open().code(), Code::kAuthFailed);
}

TEST_F(Pop3LoginTest, ALockedMaildropIsNoCredentialError) {
  server_.faults.refuse_login = "-ERR [IN-USE] Do you have another session?";
  EXPECT_EQ(Open().code(), Code::kThrottled);
  WithoutSasl();
  EXPECT_EQ(Open().code(), Code::kThrottled);
}

TEST_F(Pop3LoginTest, ALoginThatComesTooSoonSaysWhenToComeBack) {
  script_.capabilities.emplace_back("LOGIN-DELAY 120");
  server_.faults.refuse_login = "-ERR [LOGIN-DELAY] too soon";
  const Status refused = Open();
  EXPECT_EQ(refused.code(), Code::kThrottled);
  EXPECT_EQ(refused.retry_after(), std::chrono::seconds(120));
}

TEST_F(Pop3LoginTest, TellsLoginDelayAndExpiry) {
  script_.capabilities.emplace_back("LOGIN-DELAY 120");
  script_.capabilities.emplace_back("EXPIRE 7");
  ASSERT_TRUE(Open().ok());
  EXPECT_EQ(login_delay_, std::chrono::seconds(120));
  EXPECT_EQ(expire_days_, 7U);
  EXPECT_EQ(Commands("CAPA"), 1U);
}

TEST_F(Pop3LoginTest, WhatDependsOnTheUserIsAskedAgainAfterTheLogin) {
  script_.capabilities.emplace_back("LOGIN-DELAY 120 USER");
  ASSERT_TRUE(Open().ok());
  EXPECT_EQ(server_.counters.lines, Lines({"CAPA", "AUTH", "CAPA"}));
}

TEST_F(Pop3LoginTest, NeverRepeatsThePasswordThatAServerQuotes) {
  credentials_.password = Secret("hunter2secret");
  server_.faults.refuse_login = "-ERR no such user alice with hunter2secret";
  const Status refused = Open();
  EXPECT_EQ(refused.code(), Code::kAuthFailed);
  EXPECT_EQ(refused.message().find("hunter2secret"), std::string::npos);
}

TEST_F(Pop3LoginTest, NulAndLineEndsInCredentialsAreRefusedBeforeSending) {
  credentials_.username = std::string("ali\0ce", 6);
  EXPECT_EQ(Open().code(), Code::kInvalidArgument);
  WithoutSasl();
  credentials_.username = "alice\r\nDELE 1";
  EXPECT_EQ(Open().code(), Code::kInvalidArgument);
  EXPECT_EQ(server_.counters.lines, Lines({"CAPA", "CAPA"}));
}

TEST_F(Pop3LoginTest, ARefusingGreetingIsJudgedByItsText) {
  server_.faults.greeting = "-ERR Too many connections from your address";
  EXPECT_EQ(Open().code(), Code::kThrottled);
  server_.faults.greeting = "-ERR [SYS/TEMP] disk trouble";
  EXPECT_EQ(Open().code(), Code::kUnreachable);
  server_.faults.greeting = "-ERR go away";
  EXPECT_EQ(Open().code(), Code::kUnreachable);
}

TEST_F(Pop3LoginTest, HangingUpWithoutAGreetingIsExplained) {
  server_.faults.hang_up = true;
  const Status refused = Open();
  EXPECT_EQ(refused.code(), Code::kUnreachable);
  EXPECT_NE(refused.message().find("too many connections"), std::string::npos);
}

TEST_F(Pop3LoginTest, OneDeadlineCoversTheWholeLogin) {
  server_.faults.delay_per_command = std::chrono::seconds(35);
  EXPECT_EQ(Open().code(), Code::kTimeout);
  EXPECT_EQ(clock_.Now().time_since_epoch(), options_.command_timeout);
}

class DrippingNetworkTest : public SessionTest {
 protected:
  static test_support::MemoryNetworkOptions Options() {
    test_support::MemoryNetworkOptions options;
    options.read_bytes_max = 1;
    return options;
  }
  DrippingNetworkTest() : SessionTest(Options()) {}
};

TEST_F(DrippingNetworkTest, OneByteAtATimeGivesTheSame) {
  Fill(20);
  OpenInbox();
  EXPECT_TRUE(FetchAll().ok());
  ExpectAllDelivered();
}

}  // namespace
}  // namespace mailhaul::pop3
