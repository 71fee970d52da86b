#include "connectors/oauth2_answer.h"

#include <gtest/gtest.h>

namespace mailhaul {
namespace {

using namespace std::string_view_literals;
using std::chrono::seconds;

Result<TokenAnswer> Read(int status, std::string_view body, seconds retry_after = seconds(0)) {
  HttpAnswer answer;
  answer.status = status;
  answer.retry_after = retry_after;
  answer.body = Secret(std::string(body));
  return ReadTokenAnswer(answer, Secret("refresh-token-1"), Secret("client-secret"));
}

Code CodeOf(int status, std::string_view body) { return Read(status, body).status().code(); }

TEST(TokenAnswerTest, GivesTheTokens) {
  const Result<TokenAnswer> tokens = Read(
      200, R"({"access_token":"ya29.a0","expires_in":3599,"scope":"x","token_type":"Bearer"})");
  ASSERT_TRUE(tokens.ok()) << tokens.status().ToString();
  EXPECT_EQ(tokens->access_token.Reveal(), "ya29.a0");
  EXPECT_EQ(tokens->lifetime, seconds(3599));
  EXPECT_TRUE(tokens->refresh_token.empty());
}

TEST(TokenAnswerTest, GivesARotatedRefreshToken) {
  const Result<TokenAnswer> tokens =
      Read(200, R"({"token_type":"bearer","access_token":"a","refresh_token":"refresh-token-2"})");
  ASSERT_TRUE(tokens.ok()) << tokens.status().ToString();
  EXPECT_EQ(tokens->refresh_token.Reveal(), "refresh-token-2");
}

TEST(TokenAnswerTest, ReadsLifetimesAsServersWriteThem) {
  const auto lifetime = [](std::string_view value) {
    const Result<TokenAnswer> tokens =
        Read(200, "{\"access_token\":\"a\",\"expires_in\":" + std::string(value) + "}");
    return tokens.ok() ? tokens->lifetime : seconds(-1);
  };
  EXPECT_EQ(lifetime("3600"), seconds(3600));
  EXPECT_EQ(lifetime("\"3600\""), seconds(3600));
  EXPECT_EQ(lifetime("3600.9"), seconds(3600));
  EXPECT_EQ(lifetime("1"), seconds(1));
  EXPECT_EQ(lifetime("null"), kTokenLifetimeDefault);
  EXPECT_EQ(lifetime("18446744073709551615"), kTokenLifetimeMax);
  EXPECT_EQ(lifetime("1e300"), kTokenLifetimeMax);
  for (const std::string_view value : {"0", "-1", "0.5", "\"\"", "\"soon\"", "\"-5\"", "\"3600 \"",
                                       "\"99999999999\"", "[]", "{}", "true"}) {
    EXPECT_EQ(lifetime(value), seconds(-1)) << value;
  }
  EXPECT_EQ(Read(200, R"({"access_token":"a"})")->lifetime, kTokenLifetimeDefault);
}

TEST(TokenAnswerTest, RefusedGrantsAndClientsAreCredentialErrorsWithARemedy) {
  const Status grant =
      Read(400, R"({"error":"invalid_grant","error_description":"Token has been revoked."})")
          .status();
  EXPECT_EQ(grant.code(), Code::kAuthFailed);
  EXPECT_NE(grant.message().find("Token has been revoked."), std::string::npos);
  EXPECT_NE(grant.message().find("authorise the mailbox again"), std::string::npos);
  EXPECT_EQ(CodeOf(400, R"({"error":"interaction_required"})"), Code::kAuthFailed);
  const Status client = Read(401, R"({"error":"invalid_client"})").status();
  EXPECT_EQ(client.code(), Code::kAuthFailed);
  EXPECT_NE(client.message().find("client_secret"), std::string::npos);
  EXPECT_EQ(CodeOf(400, R"({"error":"unauthorized_client"})"), Code::kAuthFailed);
}

TEST(TokenAnswerTest, AServerInTroubleIsNeverACredentialError) {
  for (const int status : {408, 429, 500, 502, 503, 504, 599}) {
    for (const std::string_view body :
         {R"({"error":"invalid_grant"})"sv, "<html>"sv, ""sv, R"({"access_token":"a"})"sv}) {
      const Status busy = Read(status, body, seconds(30)).status();
      EXPECT_EQ(busy.code(), Code::kThrottled) << status << body;
      EXPECT_EQ(busy.retry_after(), seconds(30));
    }
  }
  for (const std::string error : {"temporarily_unavailable", "slow_down", "server_error"}) {
    const Status busy = Read(400, "{\"error\":\"" + error + "\"}", seconds(7)).status();
    EXPECT_EQ(busy.code(), Code::kThrottled) << error;
    EXPECT_EQ(busy.retry_after(), seconds(7));
  }
}

TEST(TokenAnswerTest, ARefusedRequestIsAConfigurationError) {
  EXPECT_EQ(CodeOf(400, R"({"error":"invalid_scope"})"), Code::kInvalidArgument);
  EXPECT_EQ(CodeOf(400, R"({"error":"invalid_request"})"), Code::kInvalidArgument);
  EXPECT_EQ(CodeOf(400, R"({"error":"unsupported_grant_type"})"), Code::kInvalidArgument);
}

TEST(TokenAnswerTest, WhatIsNoTokenAnswerIsAProtocolError) {
  for (const std::string_view body : {""sv,
                                      "{"sv,
                                      "[]"sv,
                                      "null"sv,
                                      "\"a\""sv,
                                      "<html>"sv,
                                      "{}"sv,
                                      "{}{}"sv,
                                      "{\"access_token\":\"a\"} x"sv,
                                      "{\"access_token\":\"\"}"sv,
                                      "{\"access_token\":1}"sv,
                                      "{\"access_token\":null}"sv,
                                      "{\"access_token\":[\"a\"]}"sv,
                                      "{\"access_token\":\"a b\"}"sv,
                                      "{\"access_token\":\"a\\u0001\"}"sv,
                                      "{\"access_token\":\"a\\u0000\"}"sv,
                                      "{\"access_token\":\"\\u00e4\"}"sv,
                                      "{\"access_token\":\"a\\r\\n\"}"sv,
                                      "{\"access_token\":\"a\",\"refresh_token\":\"\\n\"}"sv,
                                      "{\"access_token\":\"a\",\"token_type\":\"mac\"}"sv,
                                      "{\"refresh_token\":\"a\"}"sv,
                                      "{\"error\":\"what\"}"sv,
                                      "{\"error\":{\"code\":400}}"sv}) {
    EXPECT_EQ(CodeOf(200, body), Code::kProtocol) << body;
  }
  for (const int status : {204, 301, 302, 400, 401, 403, 404}) {
    EXPECT_EQ(CodeOf(status, "<html>no</html>"), Code::kProtocol) << status;
    EXPECT_EQ(CodeOf(status, R"({"access_token":"a"})"), Code::kProtocol) << status;
  }
}

TEST(TokenAnswerTest, EveryPrefixOfAnAnswerIsRefused) {
  const std::string_view whole = R"({"access_token":"abc","expires_in":3600})";
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_EQ(CodeOf(200, whole.substr(0, size)), Code::kProtocol) << size;
  }
  EXPECT_EQ(CodeOf(200, whole), Code::kOk);
}

TEST(TokenAnswerTest, SizesAndDepthsAreBounded) {
  const auto with_token = [](size_t size) {
    return "{\"access_token\":\"" + std::string(size, 'a') + "\"}";
  };
  EXPECT_EQ(CodeOf(200, with_token(kTokenBytesMax)), Code::kOk);
  EXPECT_EQ(CodeOf(200, with_token(kTokenBytesMax + 1)), Code::kProtocol);
  EXPECT_EQ(CodeOf(200, with_token(5) + std::string(kTokenAnswerBytesMax, ' ')), Code::kProtocol);
  EXPECT_EQ(CodeOf(200, "{\"access_token\":\"a\",\"x\":" + std::string(17, '[') +
                            std::string(17, ']') + "}"),
            Code::kProtocol);
}

TEST(TokenAnswerTest, SecretsThatTheServerRepeatsAreWithheld) {
  for (const std::string secret : {"refresh-token-1", "client-secret"}) {
    for (const std::string field : {"error\":\"invalid_grant\",\"error_description", "error"}) {
      const Status status = Read(400, "{\"" + field + "\":\"bad token " + secret + "\"}").status();
      EXPECT_FALSE(status.ok());
      EXPECT_EQ(status.message().find(secret), std::string::npos) << status.message();
      EXPECT_NE(status.message().find("withheld"), std::string::npos) << status.message();
    }
  }
}

TEST(TokenAnswerTest, DescriptionsAreEscapedAndCut) {
  const Status status = Read(400, "{\"error\":\"invalid_grant\",\"error_description\":\"\\r\\n" +
                                      std::string(5000, 'x') + "\"}")
                            .status();
  EXPECT_NE(status.message().find("(\\x0d\\x0axx"), std::string::npos) << status.message();
  EXPECT_LT(status.message().size(), 500U);
}

}  // namespace
}  // namespace mailhaul
