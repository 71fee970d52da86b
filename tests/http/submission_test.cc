// /v1/submissions: what is taken, what is refused, what is shown.
#include "store/outbox.h"
#include "tests/http/fake_outgoing.h"
#include "tests/http/service_fixture.h"

namespace mailhaul::http {
namespace {

class SubmissionTest : public ServiceTest {
 protected:
  SubmissionTest() : outgoing_(*store_) { service_->EnableSending(outgoing_); }

  HttpAnswer Post(const std::string& body, const std::string& fields = "",
                  const std::string& target = "/v1/submissions") {
    return Request("POST", target, "send-acme", fields, body);
  }
  static std::string Text(const HttpAnswer& answer, const std::string& field) {
    return std::string(answer.Json().at(field).as_string());
  }
  size_t Count(const std::string& target = "/v1/submissions") {
    return GetJson(target, "send-acme").at("items").as_array().size();
  }

  // Each takes more memory than text.
  static std::string ManyValues(size_t count) {
    std::string body = "{\"to\":[0";
    for (size_t i = 1; i < count; ++i) {
      body += ",0";
    }
    return body + "]}";
  }

  FakeOutgoing outgoing_;
};

TEST_F(SubmissionTest, AcceptsJsonAndShowsIt) {
  const HttpAnswer accepted =
      Post(R"({"mailbox":"alice","to":["b@y.example",{"name":"C","email":"c@y.example"}],)"
           R"("from":{"email":"alias@acme.example"},"subject":"hello","text":"hi",)"
           R"("attachments":[{"filename":"a.txt","content_base64":"aGk="}],)"
           R"("headers":{"X-Tag":"1"},"cc":null})");
  ASSERT_EQ(accepted.status, 202U) << accepted.body;
  EXPECT_EQ(Text(accepted, "state"), "queued");
  EXPECT_EQ(outgoing_.changes, 1);
  EXPECT_EQ(outgoing_.last.from->email, "alias@acme.example");
  EXPECT_EQ(outgoing_.last.attachments.at(0).bytes, "hi");
  EXPECT_EQ(outgoing_.last.headers.at(0).first, "X-Tag");
  const HttpAnswer shown = Get("/v1/submissions/" + Text(accepted, "id"), "send-acme");
  ASSERT_EQ(shown.status, 200U);
  EXPECT_EQ(Text(shown, "mailbox"), "alice");
  EXPECT_EQ(Text(shown, "subject"), "hello");
  EXPECT_EQ(shown.Json().at("recipients").as_array().size(), 2U);
  const HttpAnswer changes = Get("/v1/changes", "read-acme");
  EXPECT_NE(changes.body.find("submission.updated"), std::string::npos) << changes.body;
  EXPECT_NE(changes.body.find(Text(accepted, "id")), std::string::npos) << changes.body;
}

TEST_F(SubmissionTest, OnAFullDiskIsRefusedAndWithRoomAgainTaken) {
  const std::string hello = R"({"mailbox":"alice","to":["b@y.example"],"subject":"hi"})";
  const std::string key = "Idempotency-Key: one\r\n";
  files_.SetFreeBytes(uint64_t{1} << 20);
  const HttpAnswer refused = Post(hello, key);
  EXPECT_EQ(refused.status, 507U) << refused.body;
  EXPECT_EQ(Text(refused, "code"), "disk_full");
  EXPECT_EQ(Count(), 0U);  // Reading goes on.
  EXPECT_EQ(outgoing_.changes, 0);
  files_.SetFreeBytes(uint64_t{1} << 30);
  EXPECT_EQ(Post(hello, key).status, 202U);
  EXPECT_EQ(Count(), 1U);
}

TEST_F(SubmissionTest, AcceptsARawMessage) {
  const HttpAnswer accepted = Post("Subject: raw\r\n\r\nhi", "Content-Type: message/rfc822\r\n",
                                   "/v1/submissions?mailbox=alice");
  ASSERT_EQ(accepted.status, 202U) << accepted.body;
  EXPECT_EQ(outgoing_.last.raw, "Subject: raw\r\n\r\nhi");
  EXPECT_EQ(Post("x", "Content-Type: message/rfc822\r\n").status, 422U);
  EXPECT_EQ(Post("x", "Content-Type: text/plain\r\n").status, 415U);
}

TEST_F(SubmissionTest, TheSameKeyGetsTheSameAnswer) {
  const std::string key = "Idempotency-Key: k1\r\n";
  const std::string body = R"({"mailbox":"alice","subject":"a","to":"b@y.example"})";
  const HttpAnswer first = Post(body, key);
  ASSERT_EQ(first.status, 202U);
  const HttpAnswer again = Post(body, key);
  EXPECT_EQ(again.status, 202U);
  EXPECT_EQ(Text(again, "id"), Text(first, "id"));
  const HttpAnswer other = Post(R"({"mailbox":"alice","subject":"b","to":"b@y.example"})", key);
  EXPECT_EQ(other.status, 422U);
  EXPECT_EQ(Text(other, "code"), "idempotency_key_reused");
  EXPECT_EQ(Count(), 1U);
}

TEST_F(SubmissionTest, TheSameKeyGetsTheSameAnswerThoughTheRestHasChanged) {
  Store("acme", "alice", "INBOX", {Mail{}});
  const std::string question = All("/v1/messages?limit=1", "id").at(0);
  const std::string key = "Idempotency-Key: k1\r\n";
  const std::string body =
      R"({"mailbox":"alice","subject":"a","to":"b@y.example","in_reply_to":")" + question + "\"}";
  const HttpAnswer first = Post(body, key);
  ASSERT_EQ(first.status, 202U) << first.body;
  ASSERT_EQ(Request("DELETE", "/v1/messages/" + question).status, 204U);
  EXPECT_EQ(Post(body).status, 422U);
  const HttpAnswer again = Post(body, key);
  EXPECT_EQ(again.status, 202U) << again.body;
  EXPECT_EQ(again.body, first.body);
}

TEST_F(SubmissionTest, RefusesWhatItCannotMean) {
  const std::string cases[] = {
      "",
      "[]",
      "{",
      R"({"mailbox":"alice","subject":"a","to":7})",
      R"({"mailbox":"alice","subject":"a","too":"b@y.example"})",
      R"({"mailbox":"alice","subject":"a","attachments":[{"content_base64":"!"}]})",
      R"({"mailbox":"alice","subject":"a","attachments":[{}]})",
      R"({"mailbox":"alice","subject":"a","send_at":"soon"})",
      R"({"mailbox":"alice","subject":"a","send_at":"2999-01-01T00:00:00Z"})",
      R"({"mailbox":"alice","text":"no subject"})",
      R"({"mailbox":"alice","subject":"a","in_reply_to":"0123456789abcdef"})",
      std::string(100, '['),
      ManyValues(300'000),
  };
  for (const std::string& body : cases) {
    const HttpAnswer refused = Post(body);
    EXPECT_EQ(refused.status, 422U) << body.substr(0, 100);
    EXPECT_EQ(Text(refused, "code"), "invalid_submission") << body.substr(0, 100);
  }
  const std::string good = R"({"mailbox":"alice","subject":"a"})";
  EXPECT_EQ(Post(good, "", "/v1/submissions?send_at=2030-01-01T00:00:00Z").status, 422U)
      << "it would be sent at once";
  EXPECT_EQ(Post(R"({"mailbox":"nobody","subject":"a"})").status, 404U);
  EXPECT_EQ(Count(), 0U);
}

TEST_F(SubmissionTest, NeedsTheScopeAndTheTenant) {
  const std::string body = R"({"mailbox":"alice","subject":"a"})";
  EXPECT_EQ(Request("POST", "/v1/submissions", "read-acme", "", body).status, 403U);
  const std::string id = Text(Post(body), "id");
  directory_.AddToken("send-globex", {.tenant = "globex", .send = true});
  for (const char* method : {"GET", "DELETE"}) {
    EXPECT_EQ(Request(method, "/v1/submissions/" + id, "send-globex").status, 404U);
  }
  EXPECT_EQ(Request("POST", "/v1/submissions/" + id + "/retry", "send-globex").status, 404U);
  EXPECT_EQ(Get("/v1/submissions/zzz", "send-acme").status, 404U);
  EXPECT_EQ(Request("PUT", "/v1/submissions", "send-acme").status, 405U);
}

TEST_F(SubmissionTest, CancelsWhatIsQueuedAndRetriesWhatIsUncertain) {
  const std::string id = Text(Post(R"({"mailbox":"alice","subject":"a"})"), "id");
  const std::string target = "/v1/submissions/" + id;
  EXPECT_EQ(Request("POST", target + "/retry", "send-acme").status, 409U);
  const HttpAnswer canceled = Request("DELETE", target, "send-acme");
  ASSERT_EQ(canceled.status, 200U) << canceled.body;
  EXPECT_EQ(Text(canceled, "state"), "canceled");
  EXPECT_EQ(Request("DELETE", target, "send-acme").status, 200U) << "once more is fine";

  const std::string other = Text(Post(R"({"mailbox":"alice","subject":"b"})"), "id");
  const SubmissionId number{ParseId(other).value()};
  const auto doubt = [](store::Submission& submission) -> Status {
    MH_RETURN_IF_ERROR(BeginAttempt(submission, WallTime()));
    store::AttemptOutcome outcome;
    outcome.kind = store::AttemptOutcome::Kind::kUnknown;
    return FinishAttempt(submission, outcome, WallTime());
  };
  ASSERT_TRUE(store::Outbox(*store_).Update(number, doubt).ok());
  EXPECT_EQ(Count("/v1/submissions?state=uncertain"), 1U);
  const HttpAnswer retried = Request("POST", "/v1/submissions/" + other + "/retry", "send-acme");
  ASSERT_EQ(retried.status, 202U) << retried.body;
  EXPECT_EQ(Text(retried, "state"), "queued");
}

TEST_F(SubmissionTest, WhatAConnectionHasCannotBeCanceled) {
  const std::string id = Text(Post(R"({"mailbox":"alice","subject":"a"})"), "id");
  const auto begin = [](store::Submission& submission) {
    return BeginAttempt(submission, WallTime());
  };
  ASSERT_TRUE(store::Outbox(*store_).Update({ParseId(id).value()}, begin).ok());
  const HttpAnswer refused = Request("DELETE", "/v1/submissions/" + id, "send-acme");
  EXPECT_EQ(refused.status, 409U);
  EXPECT_EQ(refused.Code(), "wrong_state");
}

TEST_F(SubmissionTest, ListsInPagesWithFilters) {
  for (int i = 0; i < 5; ++i) {
    Post(R"({"mailbox":"alice","subject":"s)" + std::to_string(i) + "\"}");
  }
  std::vector<std::string> subjects;
  std::string cursor;
  do {
    const boost::json::value page =
        GetJson("/v1/submissions?limit=2&mailbox=alice&cursor=" + cursor, "send-acme");
    for (const boost::json::value& item : page.at("items").as_array()) {
      subjects.emplace_back(item.at("subject").as_string());
    }
    const boost::json::value& next = page.at("next_cursor");
    cursor = next.is_null() ? "" : std::string(next.as_string());
  } while (!cursor.empty());
  EXPECT_EQ(subjects, (std::vector<std::string>{"s4", "s3", "s2", "s1", "s0"}));
  EXPECT_EQ(Get("/v1/submissions?state=lost", "send-acme").status, 400U);
  EXPECT_EQ(Get("/v1/submissions?mailbox=nobody", "send-acme").status, 404U);
  EXPECT_EQ(Get("/v1/submissions?cursor=bad", "send-acme").status, 400U);
}

TEST_F(SubmissionTest, ALargeBodyIsTakenUpToItsLimitAndOthersAreNot) {
  const std::string large(size_t{3} << 20, 'x');
  const HttpAnswer accepted =
      Post("Subject: raw\r\n\r\n" + large, "Content-Type: message/rfc822\r\n",
           "/v1/submissions?mailbox=alice");
  EXPECT_EQ(accepted.status, 202U) << accepted.body;
  EXPECT_EQ(Request("POST", "/v1/mailboxes/alice/refresh", "read-acme", "", large).status, 413U);
  const std::string output = Exchange(
      "POST /v1/submissions HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer send-acme\r\n"
      "Content-Length: 50000000\r\n\r\n");
  EXPECT_EQ(ParseAnswers(output).at(0).status, 413U);
}

}  // namespace
}  // namespace mailhaul::http
