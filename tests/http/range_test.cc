// Parts of messages and attachments (RFC 9110 section 14).
#include "engine/http/connection.h"
#include "tests/http/service_fixture.h"

namespace mailhaul::http {
namespace {

class RangeTest : public ServiceTest {
 protected:
  RangeTest() {
    store::Attachment attachment;
    attachment.filename = "a.txt";
    attachment.content_type = "text/plain";
    for (size_t i = 0; mail_.body.size() < 3 * kPieceBytes; ++i) {
      mail_.body += std::to_string(i) + " ";
    }
    mail_.attachments = {attachment};
    Store("acme", "alice", "INBOX", {mail_});
    path_ = "/v1/messages/" + All("/v1/messages", "id").front();
    raw_ = RawOf(mail_);
  }

  HttpAnswer GetRaw(const std::string& fields) { return Get(path_ + "/raw", "read-acme", fields); }
  std::string Total() const { return std::to_string(raw_.size()); }

  Mail mail_{.body = ""};
  std::string path_;
  std::string raw_;
};

TEST_F(RangeTest, APartOfTheRawMessage) {
  const HttpAnswer whole = GetRaw("");
  EXPECT_EQ(whole.fields.at("accept-ranges"), "bytes");
  EXPECT_EQ(whole.fields.count("vary"), 0U);
  const HttpAnswer part = GetRaw("Range: bytes=1000-1999\r\n");
  EXPECT_EQ(part.status, 206U);
  EXPECT_EQ(part.body, raw_.substr(1000, 1000));
  EXPECT_EQ(part.fields.at("content-length"), "1000");
  EXPECT_EQ(part.fields.at("content-range"), "bytes 1000-1999/" + Total());
  for (const char* field : {"etag", "cache-control", "content-type", "accept-ranges"}) {
    EXPECT_EQ(part.fields.at(field), whole.fields.at(field)) << field;
  }
}

TEST_F(RangeTest, PartsLongerThanOnePieceAddUpToTheWhole) {
  const std::string middle = std::to_string(kPieceBytes + 5);
  const HttpAnswer first = GetRaw("Range: bytes=0-" + middle + "\r\n");
  const HttpAnswer rest = GetRaw("Range: bytes=" + std::to_string(kPieceBytes + 6) +
                                 "-\r\nIf-Range: " + first.fields.at("etag") + "\r\n");
  EXPECT_EQ(first.status, 206U);
  EXPECT_EQ(rest.status, 206U);
  EXPECT_TRUE(first.body + rest.body == raw_);
  EXPECT_EQ(GetRaw("Range: bytes=-10\r\n").body, raw_.substr(raw_.size() - 10));
}

TEST_F(RangeTest, WhatIsNotThereIsRefused) {
  const HttpAnswer answer = GetRaw("Range: bytes=" + Total() + "-\r\n");
  EXPECT_EQ(answer.status, 416U);
  EXPECT_EQ(answer.Code(), "range_not_satisfiable");
  EXPECT_EQ(answer.fields.at("content-range"), "bytes */" + Total());
}

TEST_F(RangeTest, SeveralRangesAndOddOnesGetAll) {
  for (const char* range : {"bytes=0-1,4-5", "bytes=5-4", "lines=1-2", "bytes"}) {
    const HttpAnswer answer = GetRaw(std::string("Range: ") + range + "\r\n");
    EXPECT_EQ(answer.status, 200U) << range;
    EXPECT_TRUE(answer.body == raw_) << range;
    EXPECT_EQ(answer.fields.count("content-range"), 0U) << range;
  }
}

TEST_F(RangeTest, AnotherVersionComesWhole) {
  const std::string tag = GetRaw("").fields.at("etag");
  for (const std::string& condition :
       {std::string("\"other\""), "W/" + tag, std::string("Sun, 06 Nov 1994 08:49:37 GMT")}) {
    const HttpAnswer answer = GetRaw("Range: bytes=0-1\r\nIf-Range: " + condition + "\r\n");
    EXPECT_EQ(answer.status, 200U) << condition;
    EXPECT_TRUE(answer.body == raw_) << condition;
  }
  EXPECT_EQ(GetRaw("Range: bytes=0-1\r\nIf-None-Match: " + tag + "\r\n").status, 304U);
}

TEST_F(RangeTest, HeadTellsOfAll) {
  const HttpAnswer answer = Request("GET", path_ + "/raw");
  const std::string head =
      Exchange("HEAD " + path_ + "/raw HTTP/1.1\r\nHost: a\r\nRange: bytes=0-1\r\n" +
               "Authorization: Bearer read-acme\r\n\r\n");
  const std::vector<HttpAnswer> answers = ParseAnswers(head, true);
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_EQ(answers[0].status, 200U);
  EXPECT_EQ(answers[0].fields.at("content-length"), Total());
  EXPECT_EQ(answers[0].fields.at("etag"), answer.fields.at("etag"));
}

TEST_F(RangeTest, APartOfAnAttachment) {
  const std::string path = path_ + "/attachments/1";
  const HttpAnswer whole = Get(path);
  const HttpAnswer part = Get(path, "read-acme", "Range: bytes=3-5\r\nAccept-Encoding: gzip\r\n");
  EXPECT_EQ(part.status, 206U);
  EXPECT_EQ(part.body, whole.body.substr(3, 3));
  EXPECT_EQ(part.fields.at("etag"), whole.fields.at("etag"));
  EXPECT_EQ(part.fields.count("content-encoding"), 0U);
  EXPECT_EQ(Get(path, "read-acme", "Range: bytes=999999999-\r\n").status, 416U);
}

TEST_F(RangeTest, ADamagedLargeMessageNeverComesWholeNorInParts) {
  Mail mail{.subject = "large", .received = 1'800'000'000, .body = std::string(3'000'000, 'x')};
  Store("acme", "alice", "INBOX", {mail});
  const std::string path = "/v1/messages/" + All("/v1/messages", "id").front() + "/raw";
  const std::string raw = RawOf(mail);
  EXPECT_TRUE(Get(path).body == raw);
  for (const std::string& name : files_.List("blobs").value()) {
    const uint64_t bytes = files_.Stat("blobs/" + name).value().bytes;
    files_.Tamper("blobs/" + name, bytes - 1'000'000, "y");
  }
  const std::string received = Exchange("GET " + path + " HTTP/1.1\r\nHost: a\r\n" +
                                        "Authorization: Bearer read-acme\r\n\r\n");
  EXPECT_NE(received.find("200 OK"), std::string::npos);
  EXPECT_LT(received.size(), raw.size());
  EXPECT_EQ(Get(path, "read-acme", "Range: bytes=0-1\r\n").status, 500U);
}

TEST_F(RangeTest, OthersHaveNoRanges) {
  const HttpAnswer answer = Get(path_, "read-acme", "Range: bytes=0-1\r\n");
  EXPECT_EQ(answer.status, 200U);
  EXPECT_EQ(answer.fields.count("accept-ranges"), 0U);
  EXPECT_EQ(Get(path_, "read-acme", "Range: bytes=0-1\r\nRange: bytes=0-1\r\n").status, 400U);
}

}  // namespace
}  // namespace mailhaul::http
