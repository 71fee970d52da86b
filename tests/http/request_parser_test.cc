#include "engine/http/request_parser.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "engine/http/service.h"

namespace mailhaul::http {
namespace {

using State = RequestParser::State;

constexpr std::string_view kGet =
    "GET /v1/messages?limit=2 HTTP/1.1\r\nHost: mail.example\r\n"
    "Authorization: Bearer secret\r\nIf-None-Match: \"x\"\r\n\r\n";

struct Outcome {
  State state;
  std::string rest;  // Not consumed.
  unsigned status;   // Of the rejection.
};

// Gives `bytes` to a parser, `step` at a time, as a connection does.
Outcome Feed(RequestParser* parser, std::string_view bytes, size_t step) {
  std::string input;
  while (!bytes.empty() && parser->state() != State::kDone && parser->state() != State::kRejected) {
    input += bytes.substr(0, step);
    bytes.remove_prefix(std::min(step, bytes.size()));
    input.erase(0, parser->Parse(input));
  }
  return {parser->state(), input + std::string(bytes), parser->rejection().status};
}

Outcome FeedAll(std::string_view bytes) {
  RequestParser parser;
  return Feed(&parser, bytes, bytes.size());
}

TEST(RequestParserTest, ReadsTheFieldsThatMatter) {
  RequestParser parser;
  const Outcome outcome = Feed(&parser, kGet, kGet.size());
  EXPECT_EQ(outcome.state, State::kDone);
  EXPECT_EQ(parser.head().method, "GET");
  EXPECT_EQ(parser.head().target, "/v1/messages?limit=2");
  EXPECT_EQ(parser.head().authorization, "Bearer secret");
  EXPECT_EQ(parser.head().if_none_match, "\"x\"");
  EXPECT_TRUE(parser.head().keep_alive);
  EXPECT_FALSE(parser.head().expect_continue);
}

TEST(RequestParserTest, GivesTheSameWhateverTheSteps) {
  for (size_t step = 1; step <= kGet.size(); ++step) {
    RequestParser parser;
    const Outcome outcome = Feed(&parser, kGet, step);
    ASSERT_EQ(outcome.state, State::kDone) << step;
    EXPECT_EQ(parser.head().target, "/v1/messages?limit=2");
    EXPECT_EQ(parser.head().authorization, "Bearer secret");
  }
}

TEST(RequestParserTest, EveryPrefixWantsMore) {
  for (size_t size = 1; size < kGet.size(); ++size) {
    ASSERT_EQ(FeedAll(kGet.substr(0, size)).state, State::kHead) << size;
  }
}

TEST(RequestParserTest, LeavesTheNextRequestAlone) {
  const Outcome outcome = FeedAll(std::string(kGet) + "GET /next");
  EXPECT_EQ(outcome.state, State::kDone);
  EXPECT_EQ(outcome.rest, "GET /next");
}

TEST(RequestParserTest, ForgivesOneEmptyLineBeforeARequest) {
  for (size_t step : {size_t{1}, size_t{2}, kGet.size() + 2}) {
    RequestParser parser;
    EXPECT_EQ(Feed(&parser, "\r\n" + std::string(kGet), step).state, State::kDone) << step;
  }
  EXPECT_EQ(FeedAll("\r\n\r\n" + std::string(kGet)).state, State::kRejected);
}

TEST(RequestParserTest, KeepAliveFollowsVersionAndConnectionField) {
  const auto keep_alive = [](std::string_view bytes) {
    RequestParser parser;
    EXPECT_EQ(Feed(&parser, bytes, bytes.size()).state, State::kDone);
    return parser.head().keep_alive;
  };
  EXPECT_TRUE(keep_alive("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
  EXPECT_FALSE(keep_alive("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"));
  EXPECT_FALSE(keep_alive("GET / HTTP/1.0\r\n\r\n"));
  EXPECT_TRUE(keep_alive("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"));
}

TEST(RequestParserTest, DropsABodyOfGivenLength) {
  const std::string request = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhelloGET";
  for (size_t step = 1; step <= request.size(); ++step) {
    RequestParser parser;
    const Outcome outcome = Feed(&parser, request, step);
    ASSERT_EQ(outcome.state, State::kDone) << step;
    EXPECT_EQ(outcome.rest, "GET");
  }
}

TEST(RequestParserTest, DropsAChunkedBodyWithExtensionsAndTrailer) {
  const std::string request =
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n"
      "5;name=value\r\nhello\r\n1\r\n!\r\n0\r\nHost: twice\r\nX-Sum: 1\r\n\r\nGET";
  for (size_t step = 1; step <= request.size(); ++step) {
    RequestParser parser;
    const Outcome outcome = Feed(&parser, request, step);
    ASSERT_EQ(outcome.state, State::kDone) << step;
    EXPECT_EQ(outcome.rest, "GET");
  }
}

TEST(RequestParserTest, KnowsWhenTheClientWaitsForContinue) {
  RequestParser parser;
  const std::string_view head =
      "PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n";
  EXPECT_EQ(Feed(&parser, head, head.size()).state, State::kBody);
  EXPECT_TRUE(parser.head().expect_continue);
}

struct Bad {
  const char* name;
  std::string request;
  unsigned status;
};

std::string WithField(const std::string& field) {
  return "GET / HTTP/1.1\r\nHost: a\r\n" + field + "\r\n\r\n";
}

std::vector<Bad> BadHeads() {
  std::string many_fields = "GET / HTTP/1.1\r\nHost: a\r\n";
  for (size_t i = 0; i < kHeaderFieldsMax; ++i) {
    many_fields += "X: y\r\n";
  }
  return {
      {"length and coding", WithField("Content-Length: 1\r\nTransfer-Encoding: chunked"), 400},
      {"coding and length", WithField("Transfer-Encoding: chunked\r\nContent-Length: 1"), 400},
      {"doubled length", WithField("Content-Length: 1\r\nContent-Length: 1"), 400},
      {"two lengths", WithField("Content-Length: 1\r\nContent-Length: 2"), 400},
      {"list of lengths", WithField("Content-Length: 1, 1"), 400},
      {"signed length", WithField("Content-Length: +1"), 400},
      {"negative length", WithField("Content-Length: -1"), 400},
      {"hexadecimal length", WithField("Content-Length: 0x1"), 400},
      {"empty length", WithField("Content-Length:"), 400},
      {"overflowing length", WithField("Content-Length: 18446744073709551617"), 400},
      {"long body", WithField("Content-Length: 1048577"), 413},
      {"gzip coding", WithField("Transfer-Encoding: gzip"), 400},
      {"gzip, chunked", WithField("Transfer-Encoding: gzip, chunked"), 400},
      {"chunked, chunked", WithField("Transfer-Encoding: chunked, chunked"), 400},
      {"doubled coding", WithField("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"),
       400},
      {"identity", WithField("Transfer-Encoding: identity"), 400},
      {"xchunked", WithField("Transfer-Encoding: xchunked"), 400},
      {"coding in 1.0", "GET / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
      {"space before colon", WithField("Transfer-Encoding : chunked"), 400},
      {"no colon", WithField("Transfer-Encoding"), 400},
      {"empty name", WithField(": x"), 400},
      {"folded line", WithField("X: a\r\n b"), 400},
      {"folded first field", "GET / HTTP/1.1\r\n X: a\r\nHost: a\r\n\r\n", 400},
      {"bare LF in field", WithField("X: a\nY: b"), 400},
      {"bare LF ends", "GET / HTTP/1.1\nHost: a\n\n", 400},
      {"bare CR in field", WithField("X: a\rY: b"), 400},
      {"CR CR LF", "GET / HTTP/1.1\r\r\nHost: a\r\n\r\n", 400},
      {"NUL in field", WithField(std::string("X: a\0b", 6)), 400},
      {"NUL in target", std::string("GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n", 29), 400},
      {"escape in field", WithField("X: \x1b[31m"), 400},
      {"no host", "GET / HTTP/1.1\r\n\r\n", 400},
      {"doubled host", "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400},
      {"empty host", "GET / HTTP/1.1\r\nHost:\r\n\r\n", 400},
      {"host with space", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400},
      {"host with path", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400},
      {"doubled authorization", WithField("Authorization: Bearer a\r\nAuthorization: Bearer b"),
       400},
      {"unknown expectation", WithField("Expect: 200-ok"), 417},
      {"no method", " / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"no target", "GET HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"two spaces", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"space in target", "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"method with slash", "G/T / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"no version", "GET /\r\nHost: a\r\n\r\n", 400},
      {"trailing text", "GET / HTTP/1.1 x\r\nHost: a\r\n\r\n", 400},
      {"lower-case version", "GET / http/1.1\r\nHost: a\r\n\r\n", 400},
      {"HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
      {"HTTP/1.2", "GET / HTTP/1.2\r\nHost: a\r\n\r\n", 505},
      {"TLS hello", std::string("\x16\x03\x01\x02\x00\x01\x00", 7), 400},
      {"long target", "GET /" + std::string(kTargetBytesMax, 'a') + " HTTP/1.1\r\nHost: a\r\n\r\n",
       414},
      {"endless target", "GET /" + std::string(kTargetBytesMax * 2, 'a'), 414},
      {"too many fields", many_fields + "\r\n", 431},
      {"long field", WithField("X: " + std::string(kHeaderBytesMax, 'x')), 431},
      {"endless field", "GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(kHeaderBytesMax, 'x'),
       431},
  };
}

std::vector<Bad> BadChunks() {
  const std::string chunked = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
  return {
      {"chunk size no number", chunked + "x\r\n\r\n", 400},
      {"chunk size signed", chunked + "+1\r\na\r\n0\r\n\r\n", 400},
      {"chunk size prefixed", chunked + "0x1\r\na\r\n0\r\n\r\n", 400},
      {"chunk size overflow", chunked + "10000000000000001\r\n", 400},
      {"chunk too large", chunked + "100001\r\n", 413},
      {"chunk longer than said", chunked + "1\r\nab\r\n0\r\n\r\n", 400},
      {"chunk ended by LF", chunked + "1\na\n0\n\n", 400},
      {"endless chunk extension", chunked + "1;a=" + std::string(kHeaderBytesMax, 'b'), 400},
      {"endless trailer", chunked + "0\r\nX: " + std::string(kHeaderBytesMax, 'b'), 400},
      {"length in trailer", chunked + "0\r\nContent-Length: 4\r\n\r\n", 400},
  };
}

TEST(RequestParserTest, RefusesBadRequestsWhateverTheSteps) {
  std::vector<Bad> all = BadHeads();
  const std::vector<Bad> chunks = BadChunks();
  all.insert(all.end(), chunks.begin(), chunks.end());
  for (const Bad& bad : all) {
    for (const size_t step : {size_t{1}, size_t{3}, bad.request.size()}) {
      RequestParser parser;
      const Outcome outcome = Feed(&parser, bad.request, step);
      EXPECT_EQ(outcome.state, State::kRejected) << bad.name << " by " << step;
      EXPECT_EQ(outcome.status, bad.status) << bad.name << ": " << parser.rejection().detail;
      EXPECT_FALSE(parser.rejection().detail.empty());
    }
  }
}

TEST(RequestParserTest, TakesWhatIsJustWithinTheLimits) {
  const std::string longest_target =
      "GET /" + std::string(kTargetBytesMax - 1, 'a') + " HTTP/1.1\r\nHost: a\r\n\r\n";
  EXPECT_EQ(FeedAll(longest_target).state, State::kDone);
  std::string most_fields = "GET / HTTP/1.1\r\nHost: a\r\n";
  for (size_t i = 0; i + 1 < kHeaderFieldsMax; ++i) {
    most_fields += "X: y\r\n";
  }
  EXPECT_EQ(FeedAll(most_fields + "\r\n").state, State::kDone);
  const std::string longest_body =
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::to_string(kBodyBytesMax) +
      "\r\n\r\n" + std::string(kBodyBytesMax, 'b');
  EXPECT_EQ(FeedAll(longest_body).state, State::kDone);
}

TEST(RequestParserTest, CountsABodyOfManyChunksAsAWhole) {
  std::string request = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (size_t sent = 0; sent <= kBodyBytesMax; sent += 0x8000) {
    request += "8000\r\n" + std::string(0x8000, 'b') + "\r\n";
  }
  const Outcome outcome = FeedAll(request + "0\r\n\r\n");
  EXPECT_EQ(outcome.state, State::kRejected);
  EXPECT_EQ(outcome.status, 413U);
}

}  // namespace
}  // namespace mailhaul::http
