#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "tests/smtp/session_fixture.h"

namespace mailhaul::smtp {
namespace {

using Lines = std::vector<std::string>;

class StartTlsTest : public SmtpSessionTest {
 protected:
  StartTlsTest() {
    world_.UseLogin();
    world_.UseStartTls();
  }
  void ExpectNothingSent() {
    EXPECT_EQ(world_.Count("AUTH") + world_.Count("MAIL"), 0U);
    EXPECT_EQ(world_.network.tls_handshakes(), 0U);
  }
};

TEST_F(StartTlsTest, UpgradesAndAsksAgain) {
  EXPECT_EQ(world_.OpenAndSend().state, SendState::kSent);
  EXPECT_EQ(world_.network.tls_handshakes(), 1U);
  const Lines begin(server().counters.lines.begin(), server().counters.lines.begin() + 4);
  EXPECT_EQ(begin, Lines({"EHLO [127.0.0.1]", "STARTTLS", "EHLO [127.0.0.1]", "AUTH PLAIN"}));
}

TEST_F(StartTlsTest, MissingStartTlsFailsClosed) {
  server().script.extensions.pop_back();
  EXPECT_EQ(world_.Open().code(), Code::kTlsFailed);
  ExpectNothingSent();
}

TEST_F(StartTlsTest, RefusedStartTlsFailsClosed) {
  for (const char* answer : {"454 4.7.0 TLS not available", "502 5.5.1 unknown", "250 2.0.0 fine",
                             "554 5.7.3 no", "235 2.7.0 you are in", "334 "}) {
    server().script.answers["STARTTLS"] = answer;
    EXPECT_EQ(world_.Open().code(), Code::kTlsFailed) << answer;
  }
  ExpectNothingSent();
}

TEST_F(StartTlsTest, PlaintextBehindTheAnswerAborts) {
  for (const char* plaintext : {"250 injected\r\n", "250-mx\r\n250 AUTH PLAIN\r\n", "2", "\r\n",
                                "\n", " ", "235 2.7.0 welcome\r\n"}) {
    server().script.answers["STARTTLS"] = "220 go ahead\r\n" + std::string(plaintext);
    EXPECT_EQ(world_.Open().code(), Code::kTlsFailed) << plaintext;
  }
  ExpectNothingSent();
}

TEST_F(StartTlsTest, ExtensionsFromBeforeTlsDoNotCount) {
  // Before TLS the server offers AUTH; after it, no longer.
  server().script.answers["EHLO"] = "250-mx\r\n250-AUTH PLAIN\r\n250 STARTTLS";
  server().script.answers_max = 1;
  std::erase(server().script.extensions, "AUTH PLAIN LOGIN");
  EXPECT_EQ(world_.Open().code(), Code::kServerRefused);
  EXPECT_EQ(world_.Count("AUTH"), 0U);
}

// Every combination of what a server can say at each step before TLS.
const Lines kGreetings = {"220 mx",
                          "220-mx\r\n220 ESMTP",
                          "250 ok",
                          "235 2.7.0 in",
                          "421 busy",
                          "554 no",
                          "x",
                          "",
                          "220 mx\r\n250-mx\r\n250 AUTH PLAIN"};
const Lines kHellos = {"250-mx\r\n250-AUTH PLAIN\r\n250 STARTTLS",
                       "250-mx\r\n250 AUTH PLAIN",
                       "250 mx",
                       "502 what",
                       "421 busy",
                       "220 tls",
                       "235 2.7.0 in",
                       "",
                       "250-mx\r\n250 STARTTLS\r\n220 go\r\n250-mx\r\n250 AUTH PLAIN",
                       "250-mx\r\n251 STARTTLS"};
const Lines kStarts = {"220 go",
                       "220-go\r\n220 on",
                       "250 ok",
                       "235 2.7.0 in",
                       "334 ",
                       "454 no",
                       "502 what",
                       "421 busy",
                       "x",
                       "",
                       "220 go\r\n250 mx",
                       "220 go\r\n2"};

// The scripted STARTTLS never takes effect: what the server sees is in the clear, but for what the
// client believes to be within TLS.
void ExpectNothingInTheClear(SmtpWorld& world) {
  if (world.network.tls_handshakes() == 0) {
    ASSERT_EQ(world.Count("AUTH") + world.Count("MAIL") + world.Count("HELO"), 0U);
    return;
  }
  const Lines& lines = world.server.counters.lines;
  const auto tls = std::find(lines.begin(), lines.end(), "STARTTLS");
  ASSERT_NE(tls, lines.end());
  for (auto line = lines.begin(); line != tls; ++line) {
    ASSERT_TRUE(line->starts_with("EHLO")) << *line;
  }
}

uint64_t WalkPath(const std::string& greeting, const std::string& hello, const std::string& start,
                  bool login) {
  SCOPED_TRACE(greeting + " / " + hello + " / " + start);
  SmtpWorld world;
  if (login) {
    world.UseLogin();
  }
  world.UseStartTls();
  world.server.script.greeting = greeting;
  world.server.script.answers["EHLO"] = hello;
  world.server.script.answers["STARTTLS"] = start;
  if (world.Open().ok()) {
    world.Send();
  }
  ExpectNothingInTheClear(world);
  return world.network.tls_handshakes();
}

TEST(StartTlsModelTest, NoPathReachesAuthOrMailWithoutTls) {
  uint64_t upgraded = 0;
  for (const std::string& greeting : kGreetings) {
    for (const std::string& hello : kHellos) {
      for (const std::string& start : kStarts) {
        upgraded += WalkPath(greeting, hello, start, false);
        upgraded += WalkPath(greeting, hello, start, true);
      }
    }
  }
  // Two greetings, one answer to EHLO and two to STARTTLS are as they should be.
  EXPECT_EQ(upgraded, 2U * 1 * 2 * 2);
}

}  // namespace
}  // namespace mailhaul::smtp
