#include <gtest/gtest.h>

#include "base/random.h"
#include "tests/sasl/exchange.h"

namespace mailhaul::sasl {
namespace {

struct Case {
  std::vector<std::string> offered;
  std::string chosen;  // Or the code of the failure.
  bool token = false;
  bool secure = true;
  bool binding = false;
  bool cram = false;
  std::string password = "pencil";
};

std::string Choose(const Case& test, std::string* message = nullptr) {
  Credentials credentials = PasswordOf("user", test.password);
  credentials.allow_cram_md5 = test.cram;
  if (test.token) {
    credentials.access_token = Secret("token");
  }
  MechanismContext context;
  context.host = "imap.example.com";
  context.port = 993;
  context.secure = test.secure;
  if (test.binding) {
    context.channel_binding = net::ChannelBinding{.type = "tls-exporter", .data = "data"};
  }
  SeededRandom random(1);
  const auto mechanism = ChooseMechanism(test.offered, credentials, context, random);
  if (message != nullptr) {
    *message = mechanism.status().message();
  }
  return std::string(mechanism.ok() ? (*mechanism)->name() : ToString(mechanism.status().code()));
}

TEST(ChooseMechanismTest, TakesTheBestThatFits) {
  const std::vector<std::string> everything = {"LOGIN",         "CRAM-MD5", "PLAIN",
                                               "SCRAM-SHA-256", "XOAUTH2",  "SCRAM-SHA-256-PLUS",
                                               "OAUTHBEARER",   "GSSAPI"};
  const Case cases[] = {
      {everything, "SCRAM-SHA-256"},
      {.offered = everything, .chosen = "SCRAM-SHA-256-PLUS", .binding = true},
      {.offered = everything, .chosen = "XOAUTH2", .token = true},
      {.offered = everything, .chosen = "XOAUTH2", .token = true, .binding = true},
      {.offered = everything, .chosen = "SCRAM-SHA-256", .secure = false, .cram = true},
      {.offered = everything, .chosen = "server_refused", .token = true, .secure = false},
      {{"OAUTHBEARER", "PLAIN"}, "OAUTHBEARER", true},
      {{"PLAIN", "LOGIN"}, "server_refused", true},
      {{"XOAUTH2", "OAUTHBEARER"}, "server_refused"},
      {{"LOGIN", "PLAIN"}, "PLAIN"},
      {{"LOGIN"}, "LOGIN"},
      {{"login"}, "LOGIN"},
      {.offered = {"LOGIN", "PLAIN"}, .chosen = "server_refused", .secure = false},
      {.offered = {"CRAM-MD5", "PLAIN"}, .chosen = "PLAIN", .cram = true},
      {.offered = {"CRAM-MD5", "LOGIN"}, .chosen = "LOGIN", .cram = true},
      {.offered = {"CRAM-MD5"}, .chosen = "CRAM-MD5", .cram = true},
      {.offered = {"CRAM-MD5"}, .chosen = "CRAM-MD5", .secure = false, .cram = true},
      {{"CRAM-MD5"}, "server_refused"},
      {{"SCRAM-SHA-256-PLUS"}, "server_refused"},
      {.offered = {"SCRAM-SHA-256-PLUS"}, .chosen = "SCRAM-SHA-256-PLUS", .binding = true},
      {{"SCRAM-SHA-1", "NTLM", "PLAINER"}, "server_refused"},
      {{}, "server_refused"},
      // U+00A0: SASLprep would make it a space.
      {.offered = {"SCRAM-SHA-256", "PLAIN"}, .chosen = "PLAIN", .password = "a\xC2\xA0z"},
      {.offered = {"SCRAM-SHA-256"}, .chosen = "invalid_argument", .password = "a\xC2\xA0z"},
      {.offered = {"SCRAM-SHA-256"}, .chosen = "SCRAM-SHA-256", .password = "\xC3\xA4"},
  };
  for (size_t i = 0; i < std::size(cases); ++i) {
    EXPECT_EQ(Choose(cases[i]), cases[i].chosen) << "case " << i;
  }
}

TEST(ChooseMechanismTest, SaysWhatWasOfferedAndWhatToDo) {
  const auto expect = [](const Case& test, std::string_view part) {
    std::string message;
    Choose(test, &message);
    EXPECT_NE(message.find(part), std::string::npos) << message;
  };
  expect({{"GSSAPI", "NTLM"}, ""}, "GSSAPI, NTLM");
  expect({{}, ""}, "nothing");
  expect({{"A\r\nB"}, ""}, "A\\x0d\\x0aB");
  expect({.offered = {"PLAIN"}, .chosen = "", .secure = false}, "security: tls or starttls");
  expect({{"CRAM-MD5"}, ""}, "CRAM-MD5 only when it is allowed");
  expect({{"XOAUTH2"}, ""}, "configure oauth2");
  std::string message;
  Choose({std::vector<std::string>(5000, std::string(5000, 'X')), ""}, &message);
  EXPECT_LT(message.size(), 1500U);
}

TEST(ChooseMechanismTest, UnusableCredentialsAreTheUsersToMend) {
  SeededRandom random(1);
  MechanismContext context;
  context.secure = true;
  const std::vector<std::string> offered = {"PLAIN", "XOAUTH2"};
  const auto code = [&](const Credentials& credentials) {
    return ChooseMechanism(offered, credentials, context, random).status().code();
  };
  EXPECT_EQ(code(PasswordOf("", "secret")), Code::kInvalidArgument);
  EXPECT_EQ(code(PasswordOf("user", "")), Code::kInvalidArgument);
  EXPECT_EQ(code(PasswordOf(std::string("us\0er", 5), "secret")), Code::kInvalidArgument);
  EXPECT_EQ(code(PasswordOf("user", std::string("sec\0ret", 7))), Code::kInvalidArgument);
  EXPECT_EQ(code(TokenOf("user", "to\001ken")), Code::kInvalidArgument);
  EXPECT_EQ(code(TokenOf("us\001er", "token")), Code::kInvalidArgument);
  EXPECT_EQ(code(TokenOf("user", std::string("to\0ken", 6))), Code::kInvalidArgument);
  EXPECT_EQ(code(PasswordOf("user", "secret")), Code::kOk);
}

TEST(ChooseMechanismTest, ScramGetsAFreshNonceAndTheBinding) {
  SystemRandom random;
  MechanismContext context;
  context.channel_binding = net::ChannelBinding{.type = "tls-exporter", .data = "data"};
  const std::vector<std::string> offered = {"SCRAM-SHA-256"};
  const Credentials credentials = PasswordOf("user", "pencil");
  const auto one = ChooseMechanism(offered, credentials, context, random);
  const auto other = ChooseMechanism(offered, credentials, context, random);
  ASSERT_TRUE(one.ok() && other.ok());
  const std::string first = Answer(**one, "");
  EXPECT_TRUE(first.starts_with("y,,n=user,r=")) << first;
  EXPECT_NE(first, Answer(**other, ""));
}

}  // namespace
}  // namespace mailhaul::sasl
