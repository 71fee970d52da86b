#include "engine/http/gate.h"

#include <gtest/gtest.h>

#include "tests/http/fake_directory.h"

namespace mailhaul::http {
namespace {

class GateTest : public testing::Test {
 protected:
  Decision Ask(std::string method, std::string target, std::optional<std::string> authorization) {
    RequestHead head;
    head.method = std::move(method);
    head.target = std::move(target);
    head.authorization = std::move(authorization);
    return Decide(head, directory_);
  }

  // The status of a refusal; 0 for a call.
  static unsigned StatusOf(const Decision& decision) {
    return std::holds_alternative<Response>(decision) ? std::get<Response>(decision).status : 0;
  }
  unsigned Status(std::string method, std::string target,
                  std::optional<std::string> authorization = "Bearer read-acme") {
    return StatusOf(Ask(std::move(method), std::move(target), std::move(authorization)));
  }

  FakeDirectory directory_;
};

TEST_F(GateTest, FindsEachRoute) {
  const std::vector<std::pair<std::string, Route>> routes = {
      {"/", Route::kStatusPage},
      {"/openapi.json", Route::kOpenApi},
      {"/healthz", Route::kHealth},
      {"/readyz", Route::kReady},
      {"/metrics", Route::kMetrics},
      {"/v1/mailboxes", Route::kMailboxes},
      {"/v1/mailboxes/alice", Route::kMailbox},
      {"/v1/mailboxes/alice/folders", Route::kFolders},
      {"/v1/messages", Route::kMessages},
      {"/v1/messages/0001000000000001", Route::kMessage},
      {"/v1/messages/0001000000000001/raw", Route::kRaw},
  };
  for (const auto& [target, route] : routes) {
    for (const char* method : {"GET", "HEAD"}) {
      const Decision decision = Ask(method, target, "Bearer read-acme");
      ASSERT_EQ(StatusOf(decision), 0U) << target;
      EXPECT_EQ(std::get<Call>(decision).route, route) << target;
    }
  }
}

TEST_F(GateTest, PoolsAreForAdministrators) {
  EXPECT_EQ(Status("GET", "/v1/pools", "Bearer read-acme"), 403U);
  EXPECT_EQ(Status("GET", "/v1/pools", std::nullopt), 401U);
  EXPECT_EQ(Status("GET", "/v1/pools", "Bearer admin-acme"), 0U);
  EXPECT_EQ(Status("GET", "/v1/mailboxes", "Bearer admin-acme"), 403U);
}

TEST_F(GateTest, MetricsNeedATokenUnlessOnLoopback) {
  EXPECT_EQ(Status("GET", "/metrics", std::nullopt), 0U);
  directory_.metrics_are_open = false;
  EXPECT_EQ(Status("GET", "/metrics", std::nullopt), 401U);
  EXPECT_EQ(Status("GET", "/metrics", "Bearer read-acme"), 403U);
  EXPECT_EQ(Status("GET", "/metrics", "Bearer admin-acme"), 0U);
  EXPECT_EQ(Status("GET", "/metrics/more", std::nullopt), 401U);
}

TEST_F(GateTest, ActionsTakePostAlone) {
  const std::vector<std::pair<std::string, Route>> routes = {
      {"/v1/mailboxes/alice/refresh", Route::kRefresh},
      {"/v1/messages/0001000000000001/fetch", Route::kFetch},
  };
  for (const auto& [target, route] : routes) {
    const Decision decision = Ask("POST", target, "Bearer read-acme");
    ASSERT_EQ(StatusOf(decision), 0U) << target;
    EXPECT_EQ(std::get<Call>(decision).route, route) << target;
    const Decision refused = Ask("GET", target, "Bearer read-acme");
    ASSERT_EQ(StatusOf(refused), 405U) << target;
    EXPECT_EQ(std::get<Response>(refused).headers.front().value, "POST");
  }
}

TEST_F(GateTest, CarriesTenantNameAndQuery) {
  const Decision decision =
      Ask("GET", "/v1/messages?mailbox=b%C3%BCro&limit=5", "Bearer read-globex");
  ASSERT_EQ(StatusOf(decision), 0U);
  const Call& call = std::get<Call>(decision);
  EXPECT_EQ(call.tenant, "globex");
  ASSERT_NE(call.Parameter("mailbox"), nullptr);
  EXPECT_EQ(*call.Parameter("mailbox"), "b\xC3\xBCro");
  EXPECT_EQ(call.Parameter("folder"), nullptr);
}

TEST_F(GateTest, HealthNeedsNoToken) {
  EXPECT_EQ(Status("GET", "/healthz", std::nullopt), 0U);
  EXPECT_EQ(Status("GET", "/readyz", std::nullopt), 0U);
}

TEST_F(GateTest, MailNeedsAKnownTokenOfTheRightForm) {
  const std::vector<std::optional<std::string>> bad = {std::nullopt,       "",
                                                       "Bearer",           "Bearer ",
                                                       "Bearer unknown",   "Basic cmVhZC1hY21lOg==",
                                                       "read-acme",        "Bearerread-acme",
                                                       "Bearer READ-ACME", "Bearer read-acme x"};
  for (const auto& authorization : bad) {
    EXPECT_EQ(Status("GET", "/v1/mailboxes", authorization), 401U) << authorization.value_or("-");
  }
  for (const char* good : {"Bearer read-acme", "bearer read-acme", "BEARER   read-acme"}) {
    EXPECT_EQ(Status("GET", "/v1/mailboxes", good), 0U) << good;
  }
}

TEST_F(GateTest, WithoutATokenUnknownPathsLookLikeKnownOnes) {
  EXPECT_EQ(Status("GET", "/v1/nothing", std::nullopt), 401U);
  EXPECT_EQ(Status("POST", "/v1/mailboxes", std::nullopt), 401U);
  EXPECT_EQ(Status("GET", "/v1/mailboxes?x=1", std::nullopt), 401U);
}

TEST_F(GateTest, ATokenWithoutReadScopeIsRefused) {
  EXPECT_EQ(Status("GET", "/v1/mailboxes", "Bearer send-acme"), 403U);
}

TEST_F(GateTest, UnknownPathsAreNotFound) {
  for (const char* target :
       {"//", "/v1", "/v1/", "/v2/mailboxes", "/v1/mailboxes/", "/v1//alice", "/v1/mailboxes/a/b",
        "/v1/mailboxes/a/folders/", "/v1/messages/1/raw/x", "/healthz/", "/HEALTHZ", "//healthz",
        "/v1/../healthz", "/./healthz", "/metric"}) {
    EXPECT_EQ(Status("GET", target), 404U) << target;
  }
}

TEST_F(GateTest, OtherMethodsAreNamedInAllow) {
  for (const char* method : {"POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "get", "X"}) {
    const Decision decision = Ask(method, "/v1/messages", "Bearer read-acme");
    ASSERT_EQ(StatusOf(decision), 405U) << method;
    const Response& response = std::get<Response>(decision);
    ASSERT_EQ(response.headers.size(), 1U);
    EXPECT_EQ(response.headers[0].name, "Allow");
    EXPECT_EQ(response.headers[0].value, "GET, HEAD");
  }
}

TEST_F(GateTest, UnknownParametersComeWithASuggestion) {
  const Decision decision = Ask("GET", "/v1/messages?limt=5", "Bearer read-acme");
  ASSERT_EQ(StatusOf(decision), 400U);
  const std::string& body = std::get<Response>(decision).body;
  EXPECT_NE(body.find("unknown_parameter"), std::string::npos) << body;
  EXPECT_NE(body.find("did you mean \\\"limit\\\"?"), std::string::npos) << body;
}

TEST_F(GateTest, RoutesKnowOnlyTheirOwnParameters) {
  EXPECT_EQ(Status("GET", "/v1/mailboxes?limit=5&cursor="), 0U);
  EXPECT_EQ(Status("GET", "/v1/mailboxes?folder=INBOX"), 400U);
  EXPECT_EQ(Status("GET", "/v1/mailboxes/alice?limit=5"), 400U);
  EXPECT_EQ(Status("GET", "/healthz?x"), 400U);
}

TEST_F(GateTest, BadTargetsAreBadRequests) {
  EXPECT_EQ(Status("OPTIONS", "*", std::nullopt), 400U);
  EXPECT_EQ(Status("GET", "/%zz"), 400U);
  EXPECT_EQ(Status("CONNECT", "example.com:443"), 400U);
}

}  // namespace
}  // namespace mailhaul::http
