// /openapi.json as clients get it.
#include "engine/http/openapi.h"
#include "tests/http/gunzip.h"
#include "tests/http/service_fixture.h"

namespace mailhaul::http {
namespace {

using DescriptionTest = ServiceTest;

TEST_F(DescriptionTest, IsServedWithoutAToken) {
  const HttpAnswer answer = Get("/openapi.json", "unknown");
  EXPECT_EQ(answer.status, 200U);
  EXPECT_EQ(answer.fields.at("content-type"), "application/json");
  EXPECT_TRUE(answer.body == OpenApiText());
  const HttpAnswer coded = Get("/openapi.json", "unknown", "Accept-Encoding: gzip\r\n");
  EXPECT_TRUE(Gunzip(coded.body) == OpenApiText());
}

TEST_F(DescriptionTest, IsNotSentTwice) {
  const std::string tag = Get("/openapi.json").fields.at("etag");
  const HttpAnswer again = Get("/openapi.json", "unknown", "If-None-Match: " + tag + "\r\n");
  EXPECT_EQ(again.status, 304U);
  EXPECT_EQ(again.fields.at("etag"), tag);
}

}  // namespace
}  // namespace mailhaul::http
