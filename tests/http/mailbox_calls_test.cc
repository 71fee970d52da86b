// Adding, replacing and removing mailboxes: what reaches the MailboxAdmin, who may, and how its
// outcomes are answered.
#include "tests/http/fake_mailbox_admin.h"
#include "tests/http/service_fixture.h"

namespace mailhaul::http {
namespace {

constexpr const char* kJson = "Content-Type: application/json\r\n";
constexpr const char* kBody =
    R"({"id":"bob","address":"bob@acme.example","source":{"password":"s3cret"}})";

class MailboxCallsTest : public ServiceTest {
 protected:
  MailboxCallsTest() { service_->EnableAdding(admin_); }

  HttpAnswer Ask(const std::string& method, const std::string& target,
                 const std::string& body = kBody, const std::string& fields = kJson) {
    return Request(method, target, "admin-acme", fields, body);
  }
  static std::string CodeOf(const HttpAnswer& answer) {
    return std::string(answer.Json().at("code").as_string());
  }

  FakeMailboxAdmin admin_;
};

TEST_F(MailboxCallsTest, AnAddedOneIsShownAsReadingShowsIt) {
  admin_.outcome = {.status = 201, .name = "bob"};
  const HttpAnswer answer = Ask("POST", "/v1/mailboxes");
  ASSERT_EQ(answer.status, 201U) << answer.body;
  EXPECT_EQ(answer.body, Get("/v1/mailboxes/bob").body);
  EXPECT_EQ(answer.fields.at("location"), "/v1/mailboxes/bob");
  ASSERT_EQ(admin_.added.size(), 1U);
  EXPECT_EQ(admin_.added.front().tenant, "acme");
  EXPECT_EQ(admin_.added.front().name, "");
  EXPECT_EQ(admin_.added.front().body, kBody);
  EXPECT_FALSE(admin_.added.front().replaces);
  EXPECT_TRUE(admin_.added.front().test);
}

TEST_F(MailboxCallsTest, TheTestCanBeLeftOut) {
  admin_.outcome = {.status = 201, .name = "bob"};
  EXPECT_EQ(Ask("POST", "/v1/mailboxes?test=false").status, 201U);
  EXPECT_FALSE(admin_.added.back().test);
  EXPECT_EQ(Ask("POST", "/v1/mailboxes?test=true").status, 201U);
  EXPECT_TRUE(admin_.added.back().test);
  const HttpAnswer refused = Ask("POST", "/v1/mailboxes?test=maybe");
  EXPECT_EQ(refused.status, 400U);
  EXPECT_EQ(CodeOf(refused), "invalid_parameter");
  EXPECT_EQ(admin_.added.size(), 2U);
}

TEST_F(MailboxCallsTest, PutNamesItInThePath) {
  admin_.outcome = {.status = 200, .name = "bob"};
  EXPECT_EQ(Ask("PUT", "/v1/mailboxes/bob").status, 200U);
  EXPECT_EQ(admin_.added.back().name, "bob");
  EXPECT_TRUE(admin_.added.back().replaces);
  admin_.outcome = {.status = 404, .name = ""};
  EXPECT_EQ(Ask("PUT", "/v1/mailboxes/bob").status, 404U);
}

TEST_F(MailboxCallsTest, RemovingAnswersWithoutABody) {
  admin_.outcome = {.status = 204, .name = ""};
  const HttpAnswer answer = Ask("DELETE", "/v1/mailboxes/bob", "", "");
  EXPECT_EQ(answer.status, 204U);
  EXPECT_EQ(answer.body, "");
  EXPECT_EQ(admin_.removed, (std::vector<std::string>{"acme/bob"}));
}

TEST_F(MailboxCallsTest, OnlyAdministratorsMay) {
  for (const char* token : {"read-acme", "send-acme", "read-globex"}) {
    EXPECT_EQ(Request("POST", "/v1/mailboxes", token, kJson, kBody).status, 403U);
    EXPECT_EQ(Request("PUT", "/v1/mailboxes/bob", token, kJson, kBody).status, 403U);
    EXPECT_EQ(Request("DELETE", "/v1/mailboxes/bob", token).status, 403U);
  }
  EXPECT_TRUE(admin_.added.empty());
  EXPECT_TRUE(admin_.removed.empty());
  EXPECT_EQ(Request("GET", "/v1/mailboxes", "admin-acme").status, 403U);
}

TEST_F(MailboxCallsTest, BodiesAreOfJsonAndBounded) {
  for (const char* target : {"/v1/mailboxes", "/v1/mailboxes/bob"}) {
    const std::string method = target == std::string("/v1/mailboxes") ? "POST" : "PUT";
    const HttpAnswer answer = Ask(method, target, "a=b", "Content-Type: text/plain\r\n");
    EXPECT_EQ(answer.status, 415U);
    EXPECT_EQ(Ask(method, target, std::string(kMailboxBodyBytesMax + 1, ' ')).status, 413U);
  }
  EXPECT_TRUE(admin_.added.empty());
}

TEST_F(MailboxCallsTest, RefusalsHaveTheirCodeAndFields) {
  admin_.outcome = {.status = 422,
                    .name = "",
                    .code = "invalid_mailbox",
                    .detail = "source.port: must be",
                    .errors = {{.field = "source.port", .message = "must be"}}};
  for (const char* target : {"/v1/mailboxes", "/v1/mailboxes/bob"}) {
    const std::string method = target == std::string("/v1/mailboxes") ? "POST" : "PUT";
    const HttpAnswer answer = Ask(method, target);
    ASSERT_EQ(answer.status, 422U);
    EXPECT_EQ(CodeOf(answer), "invalid_mailbox");
    EXPECT_EQ(answer.Json().at("errors").at(0).at("field").as_string(), "source.port");
  }
  admin_.outcome = {.status = 409, .name = "", .code = "mailbox_busy", .detail = "now"};
  admin_.outcome.retry_after = std::chrono::seconds(2);
  EXPECT_EQ(Ask("POST", "/v1/mailboxes").fields.at("retry-after"), "2");
  EXPECT_EQ(Ask("PUT", "/v1/mailboxes/bob").status, 409U);
  EXPECT_EQ(Ask("DELETE", "/v1/mailboxes/bob", "", "").status, 409U);
}

TEST_F(MailboxCallsTest, FailuresHereAreNotToldInDetail) {
  admin_.outcome = {.status = 503, .name = ""};
  admin_.outcome.cause = Status(Code::kIo, "the disk /dev/sda says no");
  const HttpAnswer failed = Ask("POST", "/v1/mailboxes");
  EXPECT_EQ(failed.status, 500U);
  EXPECT_EQ(failed.body.find("sda"), std::string::npos);
  admin_.outcome.cause = Status(Code::kCancelled, "stopping");
  EXPECT_EQ(Ask("DELETE", "/v1/mailboxes/bob", "", "").status, 503U);
}

class NoMailboxCallsTest : public ServiceTest {};

TEST_F(NoMailboxCallsTest, WithoutAnAdminThereIsNothing) {
  EXPECT_EQ(Request("POST", "/v1/mailboxes", "admin-acme", kJson, kBody).status, 404U);
  EXPECT_EQ(Request("DELETE", "/v1/mailboxes/bob", "admin-acme").status, 404U);
}

}  // namespace
}  // namespace mailhaul::http
