// gzip as clients see it.
#include "engine/http/content_coding.h"
#include "tests/http/gunzip.h"
#include "tests/http/service_fixture.h"

namespace mailhaul::http {
namespace {

constexpr const char* kGzip = "Accept-Encoding: gzip, deflate\r\n";

class CodingTest : public ServiceTest {
 protected:
  CodingTest() {
    Store("acme", "alice", "INBOX", {{.body = std::string(5000, 'x')}});
    path_ = "/v1/messages/" + All("/v1/messages", "id").front();
  }
  std::string path_;
};

TEST_F(CodingTest, JsonComesInGzipToThoseWhoAsk) {
  const HttpAnswer plain = Get(path_);
  EXPECT_EQ(plain.fields.count("content-encoding"), 0U);
  EXPECT_EQ(plain.fields.at("vary"), "Accept-Encoding");
  const HttpAnswer coded = Get(path_, "read-acme", kGzip);
  EXPECT_EQ(coded.status, 200U);
  EXPECT_EQ(coded.fields.at("content-encoding"), "gzip");
  EXPECT_EQ(coded.fields.at("content-length"), std::to_string(coded.body.size()));
  EXPECT_EQ(coded.fields.at("vary"), "Accept-Encoding");
  EXPECT_TRUE(Gunzip(coded.body) == plain.body);
  EXPECT_EQ(Get(path_, "read-acme", "Accept-Encoding: gzip;q=0\r\n").body, plain.body);
  const HttpAnswer joined =
      Get(path_, "read-acme", "Accept-Encoding: br\r\nAccept-Encoding: gzip\r\n");
  EXPECT_EQ(joined.body, coded.body);
}

TEST_F(CodingTest, EachCodingHasItsTagAndBothNameTheVersion) {
  const std::string plain = Get(path_).fields.at("etag");
  const std::string coded = Get(path_, "read-acme", kGzip).fields.at("etag");
  EXPECT_NE(plain, coded);
  for (const std::string& tag : {plain, coded}) {
    const HttpAnswer again = Get(path_, "read-acme", kGzip + ("If-None-Match: " + tag + "\r\n"));
    EXPECT_EQ(again.status, 304U);
    EXPECT_EQ(again.fields.at("etag"), tag);
    EXPECT_EQ(again.fields.at("vary"), "Accept-Encoding");
  }
  const HttpAnswer changed =
      Request("PATCH", path_, "read-acme", "If-Match: " + coded + "\r\n", R"({"seen": true})");
  EXPECT_EQ(changed.status, 200U);
  EXPECT_EQ(Request("PATCH", path_, "read-acme", "If-Match: " + coded + "\r\n", "{}").status, 412U);
}

TEST_F(CodingTest, HeadSaysWhatGetWould) {
  const std::string get = Get(path_, "read-acme", kGzip).fields.at("content-length");
  const std::string output = Exchange("HEAD " + path_ + " HTTP/1.1\r\nHost: a\r\n" + kGzip +
                                      "Authorization: Bearer read-acme\r\n\r\n");
  const std::vector<HttpAnswer> answers = ParseAnswers(output, true);
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_EQ(answers[0].fields.at("content-encoding"), "gzip");
  EXPECT_EQ(answers[0].fields.at("content-length"), get);
}

TEST_F(CodingTest, SmallAnswersAndBytesOfMailAreLeftAlone) {
  const HttpAnswer small = Get("/v1/mailboxes/alice", "read-acme", kGzip);
  ASSERT_LT(small.body.size(), kCodedBytesMin);
  EXPECT_EQ(small.fields.count("content-encoding"), 0U);
  const HttpAnswer raw = Get(path_ + "/raw", "read-acme", kGzip);
  EXPECT_GT(raw.body.size(), kCodedBytesMin);
  EXPECT_EQ(raw.fields.count("content-encoding"), 0U);
}

}  // namespace
}  // namespace mailhaul::http
