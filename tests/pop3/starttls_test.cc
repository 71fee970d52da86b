#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/pop3/session_fixture.h"

namespace mailhaul::pop3 {
namespace {

class StlsTest : public SessionTest {
 protected:
  StlsTest() { address_.security = Security::kStartTls; }
  // Nothing that could be a login was sent in the clear.
  void ExpectNoLogin() {
    for (const char* verb : {"USER", "PASS", "AUTH", "APOP"}) {
      EXPECT_EQ(Commands(verb), 0U) << verb;
    }
    for (const std::string& line : canned_.received) {
      EXPECT_EQ(line, "STLS");
    }
    EXPECT_EQ(network_.tls_handshakes(), 0U);
  }
};

TEST_F(StlsTest, UpgradesBeforeAnythingElse) {
  EXPECT_TRUE(Open().ok());
  EXPECT_EQ(network_.tls_handshakes(), 1U);
  EXPECT_EQ(server_.counters.lines, std::vector<std::string>({"STLS", "CAPA", "AUTH"}));
}

TEST_F(StlsTest, WhateverRefusesItFailsClosed) {
  for (const char* answer : {"-ERR Unknown command.", "-ERR [AUTH] log in instead", "-ERR",
                             "-ERR [SYS/PERM] no", "+ go on"}) {
    server_.faults.answers["STLS"] = answer;
    EXPECT_EQ(Open().code(), Code::kTlsFailed) << answer;
  }
  server_.faults.answers["STLS"] = "250 OK";
  EXPECT_EQ(Open().code(), Code::kProtocol);
  ExpectNoLogin();
}

TEST_F(StlsTest, AServerInTroubleIsNotOneWithoutTls) {
  server_.faults.answers["STLS"] = "-ERR Too many connections";
  EXPECT_EQ(Open().code(), Code::kThrottled);
  ExpectNoLogin();
}

TEST_F(StlsTest, PlaintextBehindTheAnswerAborts) {
  server_.faults.plaintext_after_starttls = true;
  EXPECT_EQ(Open().code(), Code::kTlsFailed);
  ExpectNoLogin();
}

TEST_F(StlsTest, AnyByteBehindTheAnswerAborts) {
  for (const char* behind : {"+", "\r", ".\r\n", "+OK\r\n", "\x16"}) {
    canned_ = CannedServer();
    canned_.replies = {"+OK hi\r\n", std::string("+OK begin\r\n") + behind};
    canned_.stays = true;
    UseCanned();
    EXPECT_EQ(Open().code(), Code::kTlsFailed) << behind;
    ExpectNoLogin();
    loop_.Await(network_.Drain());
  }
}

TEST_F(StlsTest, TheTimestampFromBeforeTlsDoesNotCount) {
  script_.capabilities = {"TOP", "UIDL", "SASL GSSAPI"};
  script_.timestamp = "<1@attacker.example>";
  credentials_.allow_cram_md5 = true;
  EXPECT_EQ(Open().code(), Code::kServerRefused);
  EXPECT_EQ(Commands("APOP"), 0U);
}

TEST_F(StlsTest, CapabilitiesInAGreetingDoNotCount) {
  // Before TLS the server offers AUTH PLAIN; after it, USER only.
  canned_.replies = {"+OK hi\r\n", "+OK begin\r\n", "+OK\r\nUSER\r\n.\r\n", "+OK\r\n",
                     "+OK in\r\n"};
  canned_.stays = true;
  UseCanned();
  ASSERT_TRUE(Open().ok());
  EXPECT_EQ(canned_.received, std::vector<std::string>({"STLS", "CAPA", "USER alice",
                                                        std::string("PASS ") + kPassword}));
}

}  // namespace
}  // namespace mailhaul::pop3
