#include "engine/http/access_log.h"

#include <gtest/gtest.h>

namespace mailhaul::http {
namespace {

TEST(AccessLogTest, NamesTheTokenWithoutTellingItAndLeavesTheQueryOut) {
  EXPECT_EQ(AccessLine({.request_id = "18f3",
                        .peer = "192.0.2.7:5000",
                        .tenant = "acme",
                        .token = "\x01\x23\x45\x67\x89\xAB",
                        .method = "GET",
                        .target = "/v1/messages?from=ann%40example.com",
                        .status = 200,
                        .bytes = 512,
                        .time = std::chrono::microseconds(1234)}),
            "HTTP 18f3 192.0.2.7:5000 tenant acme token 01234567 GET /v1/messages 200 512 bytes "
            "1234 us");
}

TEST(AccessLogTest, WhatWasNotKnownIsADash) {
  EXPECT_EQ(AccessLine({.request_id = "1", .peer = "a:1", .status = 400}),
            "HTTP 1 a:1 tenant - token - - - 400 0 bytes 0 us");
}

TEST(AccessLogTest, OneRequestIsOneLineOfBoundedLength) {
  const std::string target = "/a\n" + std::string(5000, 'x');
  const std::string line = AccessLine({.request_id = "1", .method = "A\r\nB", .target = target});
  EXPECT_EQ(line.find_first_of("\r\n"), std::string::npos);
  EXPECT_LT(line.size(), 600U);
}

}  // namespace
}  // namespace mailhaul::http
