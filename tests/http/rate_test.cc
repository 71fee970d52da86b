// Requests of a token per second, as clients see it.
#include "tests/http/service_fixture.h"

namespace mailhaul::http {
namespace {

class RateTest : public ServiceTest {
 protected:
  RateTest() { service_->SetOptions({.per_token_per_second = 1}); }  // 5 at once.

  void Spend(size_t requests, const std::string& target = "/v1/mailboxes") {
    for (size_t i = 0; i < requests; ++i) {
      EXPECT_NE(Get(target).status, 429U) << i;
    }
  }
};

TEST_F(RateTest, TheNextIsToldHowLongToWait) {
  Spend(5);
  const HttpAnswer answer = Get("/v1/mailboxes");
  EXPECT_EQ(answer.status, 429U);
  EXPECT_EQ(answer.Code(), "too_many_requests");
  EXPECT_EQ(answer.fields.at("retry-after"), "1");
  EXPECT_EQ(answer.fields.at("connection"), "keep-alive");
  EXPECT_EQ(Get("/v1/mailboxes", "read-globex").status, 200U);
  EXPECT_EQ(Get("/healthz").status, 200U);
  clock_.AdvanceTo(clock_.Now() + std::chrono::seconds(1));
  EXPECT_EQ(Get("/v1/mailboxes").status, 200U);
  EXPECT_EQ(Get("/v1/mailboxes").status, 429U);
}

TEST_F(RateTest, RequestsThatAreRefusedCount) {
  Spend(1, "/v1/nothing");
  Spend(1, "/v1/pools");
  Spend(1, "/v1/messages?limt=1");
  Spend(1, "/v1/messages/0000000000000001");
  EXPECT_EQ(Request("POST", "/v1/messages").status, 405U);
  EXPECT_EQ(Get("/v1/mailboxes").status, 429U);
}

TEST_F(RateTest, UnknownTokensTakeNobodysTurns) {
  for (size_t i = 0; i < 20; ++i) {
    EXPECT_EQ(Get("/v1/mailboxes", "unknown").status, 401U);
  }
  Spend(5);
}

TEST_F(RateTest, ALargeBodyIsNotReadForARefusal) {
  Spend(5);
  const std::string output = Exchange(
      "POST /v1/submissions HTTP/1.1\r\nHost: a\r\nContent-Length: 30000000\r\n"
      "Authorization: Bearer read-acme\r\n\r\n");
  const std::vector<HttpAnswer> answers = ParseAnswers(output);
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_EQ(answers[0].status, 429U);
  EXPECT_EQ(answers[0].fields.at("connection"), "close");
}

TEST_F(RateTest, AnEventStreamCountsOnce) {
  const std::unique_ptr<Client> client = Connect();
  client->Send(
      "GET /v1/changes HTTP/1.1\r\nHost: a\r\nAccept: text/event-stream\r\n"
      "Authorization: Bearer read-acme\r\n\r\n");
  ASSERT_TRUE(
      loop_.RunUntil([&] { return client->received().find("retry:") != std::string::npos; }));
  Spend(4);
  EXPECT_EQ(Get("/v1/mailboxes").status, 429U);
  Store("acme", "alice", "INBOX", {{.subject = "one"}});
  loop_.Post([&] { service_->OnChanges("acme"); });
  EXPECT_TRUE(loop_.RunUntil(
      [&] { return client->received().find("message.created") != std::string::npos; }));
}

}  // namespace
}  // namespace mailhaul::http
