#include "tests/http/service_fixture.h"

namespace mailhaul::http {
namespace {

using AuthTest = ServiceTest;

TEST_F(AuthTest, WithoutAKnownTokenEverythingIsUnauthorized) {
  for (const char* target : {"/v1/mailboxes", "/v1/messages", "/v1/mailboxes/alice", "/v1/x"}) {
    const HttpAnswer answer = Get(target, "unknown");
    EXPECT_EQ(answer.status, 401U) << target;
    EXPECT_EQ(answer.fields.at("www-authenticate"), "Bearer");
    EXPECT_EQ(answer.fields.at("content-type"), "application/problem+json");
    EXPECT_EQ(answer.Code(), "unauthorized");
    EXPECT_EQ(answer.body.find("alice"), std::string::npos);
  }
}

TEST_F(AuthTest, ATokenWithoutTheScopeIsForbidden) {
  const HttpAnswer answer = Get("/v1/mailboxes", "send-acme");
  EXPECT_EQ(answer.status, 403U);
  EXPECT_EQ(answer.Code(), "insufficient_scope");
}

TEST_F(AuthTest, TokensNeverComeBackInAnswers) {
  for (const char* token : {"read-acme", "send-acme", "unknown-token"}) {
    EXPECT_EQ(Get("/v1/messages/none", token).body.find(token), std::string::npos);
  }
}

TEST_F(AuthTest, ATenantSeesItsOwnMailOnly) {
  Store("acme", "alice", "INBOX", {{.subject = "ours"}});
  Store("globex", "carol", "INBOX", {{.subject = "theirs"}});
  EXPECT_EQ(All("/v1/messages", "subject"), (std::vector<std::string>{"ours"}));
  EXPECT_EQ(All("/v1/mailboxes", "id"), (std::vector<std::string>{"alice", "bob"}));
  const boost::json::value theirs = GetJson("/v1/messages", "read-globex");
  ASSERT_EQ(theirs.at("items").as_array().size(), 1U);
  EXPECT_EQ(theirs.at("items").as_array()[0].at("subject").as_string(), "theirs");
}

TEST_F(AuthTest, WhatIsForeignLooksLikeWhatDoesNotExist) {
  Store("globex", "carol", "INBOX", {{.subject = "theirs"}});
  const boost::json::value theirs = GetJson("/v1/messages", "read-globex");
  const std::string id(theirs.at("items").as_array()[0].at("id").as_string());
  const std::vector<std::pair<std::string, std::string>> pairs = {
      {"/v1/messages/" + id, "/v1/messages/00ff000000000001"},
      {"/v1/messages/" + id + "/raw", "/v1/messages/00ff000000000001/raw"},
      {"/v1/mailboxes/carol", "/v1/mailboxes/nobody"},
      {"/v1/mailboxes/carol/folders", "/v1/mailboxes/nobody/folders"},
      {"/v1/messages?mailbox=carol", "/v1/messages?mailbox=nobody"},
  };
  for (const auto& [foreign, unknown] : pairs) {
    const HttpAnswer first = Get(foreign);
    const HttpAnswer second = Get(unknown);
    EXPECT_EQ(first.status, 404U) << foreign;
    EXPECT_EQ(second.status, 404U) << unknown;
    EXPECT_EQ(first.body, second.body);
    EXPECT_EQ(Get(foreign, "read-globex").status, 200U) << foreign;
  }
  EXPECT_EQ(directory_.active,
            (std::vector<std::string>{"globex/carol", "globex/carol", "globex/carol",
                                      "globex/carol", "globex/carol"}));
}

TEST_F(AuthTest, ACursorOfAnotherTenantIsRefused) {
  Store("acme", "alice", "INBOX", {{.subject = "1"}, {.subject = "2"}});
  const boost::json::value page = GetJson("/v1/messages?limit=1");
  const std::string cursor(page.at("next_cursor").as_string());
  EXPECT_EQ(Get("/v1/messages?cursor=" + cursor).status, 200U);
  const HttpAnswer answer = Get("/v1/messages?cursor=" + cursor, "read-globex");
  EXPECT_EQ(answer.status, 400U);
  EXPECT_EQ(answer.Code(), "bad_cursor");
}

}  // namespace
}  // namespace mailhaul::http
