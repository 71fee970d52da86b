#include "engine/http/response.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>

namespace mailhaul::http {
namespace {

constexpr WallTime kRfcExample{std::chrono::milliseconds(784111777'000)};

TEST(ResponseTest, DatesAreThoseOfTheRfc) {
  EXPECT_EQ(FormatHttpDate(kRfcExample), "Sun, 06 Nov 1994 08:49:37 GMT");
  EXPECT_EQ(FormatHttpDate(WallTime{}), "Thu, 01 Jan 1970 00:00:00 GMT");
  EXPECT_EQ(FormatHttpDate(WallTime(std::chrono::milliseconds(1709251199'999))),
            "Thu, 29 Feb 2024 23:59:59 GMT");
}

TEST(ResponseTest, AHeadHoldsTheFieldsOfEveryAnswer) {
  const Response response = JsonResponse("{}");
  EXPECT_EQ(SerializeHead(response, {.keep_alive = true, .now = kRfcExample, .request_id = "7"}),
            "HTTP/1.1 200 OK\r\n"
            "Server: mailhaul\r\n"
            "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
            "Connection: keep-alive\r\n"
            "X-Content-Type-Options: nosniff\r\n"
            "X-Request-Id: 7\r\n"
            "Content-Type: application/json\r\n"
            "Content-Length: 2\r\n"
            "Vary: Accept-Encoding\r\n"
            "Cache-Control: no-store\r\n\r\n");
}

TEST(ResponseTest, AHeadWithoutContentNamesNoLength) {
  Response response;
  response.status = 304;
  response.headers.push_back({.name = "ETag", .value = "\"x\""});
  const std::string head = SerializeHead(response, {.now = kRfcExample, .request_id = "7"});
  EXPECT_EQ(head.find("HTTP/1.1 304 Not Modified\r\n"), 0U);
  EXPECT_NE(head.find("ETag: \"x\"\r\n"), std::string::npos);
  EXPECT_EQ(head.find("Content-Length"), std::string::npos);
}

TEST(ResponseTest, ProblemsFollowRfc9457) {
  const Response response = Problem(404, "not_found", "a \"quoted\" word and a bad byte \xFF");
  EXPECT_EQ(response.content_type, "application/problem+json");
  const boost::json::object body = boost::json::parse(response.body).as_object();
  EXPECT_EQ(body.at("type").as_string(), "about:blank");
  EXPECT_EQ(body.at("title").as_string(), "Not Found");
  EXPECT_EQ(body.at("status").as_int64(), 404);
  EXPECT_EQ(body.at("code").as_string(), "not_found");
  EXPECT_EQ(body.at("detail").as_string(), "a \"quoted\" word and a bad byte \xEF\xBF\xBD");
}

TEST(ResponseTest, FailuresKeepTheirCauseFromTheClient) {
  const Response broken = FailureResponse(Status(Code::kIo, "disk 7 is on fire"));
  EXPECT_EQ(broken.status, 500U);
  EXPECT_EQ(broken.body.find("fire"), std::string::npos);
  EXPECT_EQ(broken.cause.code(), Code::kIo);
  const Response busy = FailureResponse(Status(Code::kBusy, "compacting"));
  EXPECT_EQ(busy.status, 503U);
  ASSERT_EQ(busy.headers.size(), 1U);
  EXPECT_EQ(busy.headers[0].name, "Retry-After");
  const Response full = FailureResponse(Status(Code::kDiskFull, "12 MiB free at /data"));
  EXPECT_EQ(full.status, 507U);
  EXPECT_EQ(full.body.find("/data"), std::string::npos);
  ASSERT_EQ(full.headers.size(), 1U);
  EXPECT_EQ(full.headers[0].name, "Retry-After");
}

TEST(ResponseTest, EveryStatusInUseHasATitle) {
  for (const unsigned status :
       {400U, 401U, 403U, 404U, 405U, 413U, 414U, 417U, 431U, 500U, 503U, 505U, 507U}) {
    const Response response = Problem(status, "code", "detail");
    const boost::json::object body = boost::json::parse(response.body).as_object();
    EXPECT_NE(body.at("title").as_string(), "<unknown-status>") << status;
  }
}

}  // namespace
}  // namespace mailhaul::http
