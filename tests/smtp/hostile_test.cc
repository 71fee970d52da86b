#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "tests/smtp/session_fixture.h"

namespace mailhaul::smtp {
namespace {

using test_support::SmtpScript;

struct Case {
  const char* name;
  std::function<void(SmtpScript*)> misbehave;
  Code code;
};

std::function<void(SmtpScript*)> Greets(const std::string& text) {
  return [text](SmtpScript* script) { script->greeting = text; };
}

std::function<void(SmtpScript*)> Answers(const std::string& verb, const std::string& text) {
  return [verb, text](SmtpScript* script) { script->answers[verb] = text; };
}

std::function<void(SmtpScript*)> AnswersChunks(const std::string& text) {
  return [text](SmtpScript* script) {
    script->extensions = {"CHUNKING"};
    script->answers["BDAT"] = text;
  };
}

std::string Repeat(const std::string& text, size_t count) {
  std::string all;
  for (size_t i = 0; i < count; ++i) {
    all += text;
  }
  return all;
}

std::vector<Case> OpeningCases() {
  return {
      {"IMAP greeting", Greets("* OK IMAP4rev1 ready"), Code::kProtocol},
      {"POP3 greeting", Greets("+OK ready"), Code::kProtocol},
      {"SSH greeting", Greets("SSH-2.0-OpenSSH_9.2"), Code::kProtocol},
      {"HTTP greeting", Greets("HTTP/1.1 400 Bad Request"), Code::kProtocol},
      {"binary greeting", Greets(std::string("\x15\x03\x01\0\x02\x02", 6)), Code::kProtocol},
      {"empty line greeting", Greets("\r\n220 mx"), Code::kProtocol},
      {"greeting of success", Greets("250 mx"), Code::kProtocol},
      {"greeting of a login", Greets("235 2.7.0 you are in"), Code::kProtocol},
      {"two greetings", Greets("220 mx\r\n220 mx"), Code::kProtocol},
      {"greeting and EHLO answer", Greets("220 mx\r\n250 mx"), Code::kProtocol},
      {"greeting that changes its code", Greets("220-mx\r\n250 mx"), Code::kProtocol},
      {"long greeting", Greets("220 " + std::string(100'000, 'x')), Code::kProtocol},
      {"endless greeting", Greets(Repeat("220-x\r\n", 100'000) + "220 x"), Code::kProtocol},
      {"refusing greeting", Greets("554 5.7.1 go away"), Code::kServerRefused},
      {"busy greeting", Greets("421 too many connections"), Code::kThrottled},
      {"no greeting", [](SmtpScript* s) { s->hang_up = true; }, Code::kUnreachable},
      {"silence", [](SmtpScript* s) { s->silent = true; }, Code::kTimeout},
      {"endless EHLO", [](SmtpScript* s) { s->endless_reply_to_ehlo = 1'000'000; },
       Code::kProtocol},
      {"EHLO without code", Answers("EHLO", "hello"), Code::kProtocol},
      {"EHLO answered by 220", Answers("EHLO", "220 mx"), Code::kProtocol},
      {"EHLO answered by 334", Answers("EHLO", "334 "), Code::kProtocol},
      {"EHLO answered by 354", Answers("EHLO", "354 go"), Code::kProtocol},
      {"EHLO refused", Answers("EHLO", "550 no"), Code::kServerRefused},
      {"EHLO closes", Answers("EHLO", ""), Code::kUnreachable},
      {"EHLO answered twice", Answers("EHLO", "250 mx\r\n250 mx"), Code::kProtocol},
      {"EHLO without end", Answers("EHLO", "250-mx\r\n250-AUTH PLAIN"), Code::kTimeout},
      {"EHLO with a long line", Answers("EHLO", "250 " + std::string(9000, 'x')), Code::kProtocol},
      {"EHLO with large lines",
       Answers("EHLO", Repeat("250-" + std::string(8000, 'x') + "\r\n", 20)), Code::kProtocol},
      {"EHLO of control bytes", Answers("EHLO", "\x1B[2J\x07"), Code::kProtocol},
  };
}

std::vector<Case> LoginCases() {
  return {
      {"challenge that is not base64", Answers("AUTH", "334 ???"), Code::kProtocol},
      {"challenge after the last step", Answers("AUTH", "334 AAAA"), Code::kProtocol},
      {"go-ahead for data", Answers("AUTH", "354 go"), Code::kProtocol},
      {"nothing", Answers("AUTH", ""), Code::kUnreachable},
      {"two answers", Answers("AUTH", "235 2.7.0 in\r\n250 2.1.0 ok"), Code::kProtocol},
      {"refusal with a terminal's escapes", Answers("AUTH", "535 5.7.8 \x1B]0;x\x07"),
       Code::kAuthFailed},
      {"a mechanism unlearnt", Answers("AUTH", "504 5.5.4 unknown"), Code::kServerRefused},
      {"a login that needs TLS", Answers("AUTH", "538 5.7.11 encrypt"), Code::kTlsFailed},
  };
}

// All before the mark: never sent, never unknown.
std::vector<Case> SendingCases() {
  return {
      {"MAIL answered by 354", Answers("MAIL", "354 go"), Code::kProtocol},
      {"MAIL answered by 334", Answers("MAIL", "334 "), Code::kProtocol},
      {"MAIL answered by text", Answers("MAIL", "ok"), Code::kProtocol},
      {"MAIL answered four times", Answers("MAIL", "250 a\r\n250 b\r\n250 c\r\n354 d"),
       Code::kProtocol},
      {"MAIL closes", Answers("MAIL", ""), Code::kUnreachable},
      {"RCPT answered by 354", Answers("RCPT", "354 go"), Code::kProtocol},
      {"RCPT answered twice", Answers("RCPT", "250 a\r\n354 b"), Code::kProtocol},
      {"RCPT without end", Answers("RCPT", "250-"), Code::kTimeout},
      {"DATA answered by 250", Answers("DATA", "250 ok"), Code::kProtocol},
      {"DATA answered by 334", Answers("DATA", "334 "), Code::kProtocol},
      {"DATA closes", Answers("DATA", ""), Code::kUnreachable},
      {"250 behind the go-ahead",
       [](SmtpScript* s) { s->after_go_ahead = "\r\n250 2.0.0 already queued"; }, Code::kProtocol},
      {"half a reply behind the go-ahead", [](SmtpScript* s) { s->after_go_ahead = "\r\n250"; },
       Code::kProtocol},
      {"BDAT answered by 354", AnswersChunks("354 go"), Code::kProtocol},
      {"BDAT answered by text", AnswersChunks("chunk"), Code::kProtocol},
      {"BDAT closes", AnswersChunks(""), Code::kUnreachable},
  };
}

TEST(HostileTest, ThereAreEnough) {
  EXPECT_GE(OpeningCases().size() + LoginCases().size() + SendingCases().size(), 39U);
}

TEST(HostileTest, WhileOpening) {
  for (const Case& c : OpeningCases()) {
    SmtpWorld world;
    c.misbehave(&world.server.script);
    Status status = world.Open();
    if (status.ok()) {
      status = world.Send().status;
    }
    EXPECT_EQ(ToString(status.code()), ToString(c.code)) << c.name << ": " << status.ToString();
    EXPECT_EQ(world.Count("MAIL"), 0U) << c.name;
    EXPECT_EQ(status.message().find('\x1B'), std::string::npos) << c.name;
  }
}

TEST(HostileTest, WhileLoggingIn) {
  for (const Case& c : LoginCases()) {
    SmtpWorld world;
    world.UseLogin();
    c.misbehave(&world.server.script);
    const Status status = world.Open();
    EXPECT_EQ(ToString(status.code()), ToString(c.code)) << c.name << ": " << status.ToString();
    EXPECT_EQ(status.message().find('\x1B'), std::string::npos) << c.name;
    EXPECT_EQ(world.Count("MAIL"), 0U) << c.name;
  }
}

TEST(HostileTest, WhileSending) {
  std::string large = "a: b\n\n";
  while (large.size() < 3 * kChunkBytes) {
    large += "some text\n";
  }
  for (const Case& c : SendingCases()) {
    SmtpWorld world;
    c.misbehave(&world.server.script);
    ASSERT_TRUE(world.Open().ok()) << c.name;
    const SendResult result = world.Send(large);
    EXPECT_EQ(result.state, SendState::kTemporary) << c.name;
    EXPECT_EQ(ToString(result.status.code()), ToString(c.code))
        << c.name << ": " << result.status.ToString();
    EXPECT_EQ(world.observer.calls, 0U) << c.name;
    EXPECT_EQ(world.server.mails.size(), 0U) << c.name;
    EXPECT_FALSE(world.session->usable()) << c.name;
  }
}

TEST(HostileTest, ServersThatLeaveWithinTheData) {
  std::string large = "a: b\n\n";
  while (large.size() < 10 * kChunkBytes) {
    large += "some text\n";
  }
  for (const char* words : {"", "421 4.3.2 shutting down", "552 5.3.4 too much"}) {
    for (const char* offer : {"PIPELINING", "CHUNKING"}) {
      SmtpWorld world;
      world.Offer({offer});
      world.server.script.close_within_data_after = 1000;
      world.server.script.last_words = words;
      ASSERT_TRUE(world.Open().ok());
      const SendResult result = world.Send(large);
      EXPECT_NE(result.state, SendState::kSent);
      EXPECT_NE(result.state, SendState::kUnknown);
      EXPECT_FALSE(result.status.ok());
      EXPECT_EQ(world.server.mails.size(), 0U);
      EXPECT_EQ(world.observer.calls, 0U);
    }
  }
}

// A server that sends a byte now and then does not hold us longer than one that is silent.
TEST(HostileTest, RepliesDoNotDrip) {
  SmtpWorld world;
  ASSERT_TRUE(world.Open().ok());
  world.server.script.delay_per_reply = std::chrono::minutes(4);
  world.server.script.answers["MAIL"] = "250-slow\r\n250-slow";
  const TimePoint begin = world.loop.Now();
  EXPECT_EQ(world.Send().status.code(), Code::kTimeout);
  EXPECT_EQ(world.loop.Now() - begin, kReplyTimeout);
}

}  // namespace
}  // namespace mailhaul::smtp
