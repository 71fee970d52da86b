// XOAUTH2 and OAUTHBEARER.
#include <gtest/gtest.h>

#include "connectors/sasl/oauthbearer.h"
#include "connectors/sasl/xoauth2.h"
#include "tests/sasl/exchange.h"

namespace mailhaul::sasl {
namespace {

using namespace std::string_view_literals;

constexpr std::string_view kToken = "ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg";

Credentials Alice() { return TokenOf("alice@example.com", std::string(kToken)); }

MechanismContext Context() {
  MechanismContext context;
  context.host = "imap.example.com";
  context.port = 993;
  context.secure = true;
  return context;
}

const Status kNo(Code::kServerRefused, "AUTHENTICATE refused: NO");

// What becomes of the server's NO after `explanation`.
Status AfterExplanation(std::string_view explanation, const Status& refusal = kNo) {
  const auto xoauth2 = MakeXoauth2(Alice());
  Answer(*xoauth2, "");
  EXPECT_EQ(Answer(*xoauth2, explanation), "");
  return xoauth2->Refused(refusal);
}

TEST(Xoauth2Test, SendsTheTokenInGooglesForm) {
  const auto xoauth2 = MakeXoauth2(Alice());
  EXPECT_EQ(xoauth2->name(), "XOAUTH2");
  EXPECT_TRUE(xoauth2->client_first());
  EXPECT_EQ(xoauth2->Finish().code(), Code::kAuthFailed);
  EXPECT_EQ(Answer(*xoauth2, ""),
            "user=alice@example.com\001auth=Bearer " + std::string(kToken) + "\001\001");
  EXPECT_TRUE(xoauth2->Finish().ok());
  EXPECT_EQ(xoauth2->Refused(kNo), kNo);
}

TEST(Xoauth2Test, AnExplainedRefusalIsAnsweredEmptyAndCarriesItsStatus) {
  const Status refused = AfterExplanation(
      R"({"status":"401","schemes":"bearer mac","scope":"https://mail.google.com/"})");
  EXPECT_EQ(refused.code(), Code::kAuthFailed);
  EXPECT_NE(refused.message().find("status 401"), std::string::npos) << refused.message();
  EXPECT_NE(refused.message().find("AUTHENTICATE refused: NO"), std::string::npos);
}

TEST(Xoauth2Test, AServersOwnTroubleIsNoCredentialError) {
  EXPECT_EQ(AfterExplanation(R"({"status":"503"})").code(), Code::kThrottled);
  EXPECT_EQ(AfterExplanation(R"({"status":500})").code(), Code::kThrottled);
  EXPECT_EQ(AfterExplanation(R"({"status":"429"})").code(), Code::kThrottled);
  EXPECT_EQ(AfterExplanation(R"({"status":"400"})").code(), Code::kAuthFailed);
  const Status throttled = Status(Code::kThrottled, "slow").WithRetryAfter(std::chrono::seconds(9));
  const Status refused = AfterExplanation(R"({"status":"401"})", throttled);
  EXPECT_EQ(refused.code(), Code::kThrottled);
  EXPECT_EQ(refused.retry_after(), std::chrono::seconds(9));
}

TEST(Xoauth2Test, AnUnreadableExplanationIsStillARefusal) {
  for (const std::string_view text :
       {"{"sv, "null"sv, "[]"sv, "{\"status\":[]}"sv, "{\"status\":null}"sv, "{}"sv, "go away"sv,
        "\0\0"sv, "{\"status\":\"\"}"sv}) {
    const Status refused = AfterExplanation(text);
    EXPECT_EQ(refused.code(), Code::kAuthFailed) << text;
    EXPECT_NE(refused.message().find("no readable reason"), std::string::npos) << refused.message();
  }
  EXPECT_EQ(AfterExplanation(std::string(10'000, '[')).code(), Code::kAuthFailed);
}

TEST(Xoauth2Test, TheTokenIsNeverQuotedBack) {
  const std::string token(kToken);
  for (const std::string& status : {token, "bad " + token, token.substr(0, 20), token.substr(5)}) {
    const Status refused = AfterExplanation("{\"status\":\"" + status + "\"}");
    EXPECT_EQ(refused.message().find(token.substr(5, 8)), std::string::npos) << refused.message();
  }
}

TEST(Xoauth2Test, AChallengeTooManyIsNotQuoted) {
  const auto xoauth2 = MakeXoauth2(Alice());
  Answer(*xoauth2, "");
  Answer(*xoauth2, "{}");
  const Status refused = xoauth2->Respond(kToken).status();
  EXPECT_EQ(refused.code(), Code::kProtocol);
  EXPECT_EQ(refused.message().find("ya29"), std::string::npos) << refused.message();
}

TEST(Xoauth2Test, WhatTheServerSaysIsEscapedAndCut) {
  const Status refused = AfterExplanation("{\"status\":\"\\r\\n" + std::string(5000, 'x') + "\"}");
  EXPECT_NE(refused.message().find("\\x0d\\x0ax"), std::string::npos) << refused.message();
  EXPECT_LT(refused.message().size(), 300U);
}

TEST(Xoauth2Test, StepsOutOfOrderAreRefused) {
  const auto early = MakeXoauth2(Alice());
  EXPECT_EQ(Refusal(*early, "{}"), Code::kProtocol);

  const auto again = MakeXoauth2(Alice());
  Answer(*again, "");
  EXPECT_EQ(Refusal(*again, ""), Code::kProtocol) << "the token is sent once";
  EXPECT_EQ(Refusal(*again, std::string(kChallengeBytesMax + 1, ' ')), Code::kProtocol);
  Answer(*again, "{}");
  EXPECT_EQ(Refusal(*again, "{}"), Code::kProtocol);
  EXPECT_EQ(again->Finish().code(), Code::kAuthFailed) << "refused, then accepted";
}

TEST(OauthBearerTest, SendsTheFormOfRfc7628) {
  const auto bearer = MakeOauthBearer(Alice(), Context());
  EXPECT_EQ(bearer->name(), "OAUTHBEARER");
  EXPECT_TRUE(bearer->client_first());
  EXPECT_EQ(Answer(*bearer, ""),
            "n,a=alice@example.com,\001host=imap.example.com\001port=993\001auth=Bearer " +
                std::string(kToken) + "\001\001");
  EXPECT_TRUE(bearer->Finish().ok());
}

TEST(OauthBearerTest, EscapesTheName) {
  const auto bearer = MakeOauthBearer(TokenOf("a=b,c", "t"), Context());
  EXPECT_TRUE(Answer(*bearer, "").starts_with("n,a=a=3Db=2Cc,\001host="));
}

TEST(OauthBearerTest, AnExplainedRefusalIsAnsweredWithOneControlA) {
  const auto bearer = MakeOauthBearer(Alice(), Context());
  Answer(*bearer, "");
  EXPECT_EQ(Answer(*bearer, R"({"status":"invalid_token","scope":"mail"})"), "\001");
  const Status refused = bearer->Refused(kNo);
  EXPECT_EQ(refused.code(), Code::kAuthFailed);
  EXPECT_NE(refused.message().find("status invalid_token"), std::string::npos) << refused.message();
  EXPECT_EQ(Refusal(*bearer, "{}"), Code::kProtocol);
}

}  // namespace
}  // namespace mailhaul::sasl
