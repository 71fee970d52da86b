#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/imap/session_fixture.h"

namespace mailhaul::imap {
namespace {

class StartTlsTest : public SessionTest {
 protected:
  StartTlsTest() {
    address_.security = Security::kStartTls;
    server_.options.capabilities.emplace_back("STARTTLS");
  }
  // Nothing that could be a login was sent in the clear.
  void ExpectNoLogin() {
    EXPECT_EQ(server_.counters.commands.count("LOGIN"), 0U);
    EXPECT_EQ(server_.counters.commands.count("AUTHENTICATE"), 0U);
    EXPECT_EQ(network_.tls_handshakes(), 0U);
  }
};

TEST_F(StartTlsTest, UpgradesAndForgetsWhatWasSaidBefore) {
  EXPECT_TRUE(Open().ok());
  EXPECT_EQ(network_.tls_handshakes(), 1U);
  EXPECT_EQ(server_.counters.lines,
            std::vector<std::string>({"STARTTLS", "CAPABILITY", "AUTHENTICATE"}));
}

TEST_F(StartTlsTest, MissingStartTlsFailsClosed) {
  server_.options.capabilities.pop_back();
  EXPECT_EQ(Open().code(), Code::kTlsFailed);
  ExpectNoLogin();
}

TEST_F(StartTlsTest, RefusedStartTlsFailsClosed) {
  for (const char* answer : {"NO not now", "BAD what", "NO [ALERT] log in instead"}) {
    server_.faults.answers["STARTTLS"] = answer;
    EXPECT_EQ(Open().code(), Code::kTlsFailed) << answer;
  }
  ExpectNoLogin();
}

TEST_F(StartTlsTest, PlaintextBehindTheAnswerAborts) {
  server_.faults.plaintext_after_starttls = true;
  EXPECT_EQ(Open().code(), Code::kTlsFailed);
  ExpectNoLogin();
}

TEST_F(StartTlsTest, HalfAResponseBehindTheAnswerAborts) {
  CannedServer& canned = canned_;
  canned.replies = {"* OK [CAPABILITY IMAP4rev1 STARTTLS] hi\r\n", "%T OK begin\r\n* CAPA"};
  canned.stays = true;
  UseCanned();
  EXPECT_EQ(Open().code(), Code::kTlsFailed);
  ExpectNoLogin();
}

TEST_F(StartTlsTest, PreauthAborts) {
  server_.faults.greeting = "* PREAUTH [CAPABILITY IMAP4rev1 STARTTLS] welcome alice";
  EXPECT_EQ(Open().code(), Code::kTlsFailed);
  ExpectNoLogin();
}

TEST_F(StartTlsTest, CapabilitiesFromBeforeTlsDoNotCount) {
  // Before TLS the server offers AUTH=PLAIN; after it, LOGIN only.
  CannedServer& canned = canned_;
  canned.replies = {"* OK [CAPABILITY IMAP4rev1 STARTTLS AUTH=PLAIN SASL-IR] hi\r\n",
                    "* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR ID] x\r\n%T OK begin\r\n",
                    "* CAPABILITY IMAP4rev1\r\n%T OK done\r\n",
                    "%T OK [CAPABILITY IMAP4rev1] in\r\n"};
  canned.stays = true;
  UseCanned();
  ASSERT_TRUE(Open().ok());
  ASSERT_EQ(canned.received.size(), 3U);
  EXPECT_NE(canned.received[1].find("CAPABILITY"), std::string::npos);
  EXPECT_NE(canned.received[2].find("LOGIN"), std::string::npos);
}

}  // namespace
}  // namespace mailhaul::imap
