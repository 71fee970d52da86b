// The status page: what a browser is allowed to do with it. What it does is in
// tests/integration/status_page_test.py.
#include "engine/http/status_page.h"

#include "tests/http/service_fixture.h"

namespace mailhaul::http {
namespace {

using StatusPageTest = ServiceTest;

TEST_F(StatusPageTest, IsOneFileForEverybody) {
  const HttpAnswer answer = Get("/", "unknown");
  EXPECT_EQ(answer.status, 200U);
  EXPECT_EQ(answer.fields.at("content-type"), "text/html; charset=utf-8");
  EXPECT_TRUE(answer.body == StatusPageText());
  const HttpAnswer again =
      Get("/", "unknown", "If-None-Match: " + answer.fields.at("etag") + "\r\n");
  EXPECT_EQ(again.status, 304U);
  EXPECT_EQ(Get("//").status, 404U);
}

TEST_F(StatusPageTest, RunsItsOwnScriptAndAsksThisServerOnly) {
  const std::string policy = Get("/").fields.at("content-security-policy");
  EXPECT_TRUE(policy.starts_with("default-src 'none'; script-src 'sha256-")) << policy;
  for (const char* word : {"unsafe", "*", "http", "data:"}) {
    EXPECT_EQ(policy.find(word), std::string::npos) << word;
  }
  EXPECT_NE(policy.find("frame-ancestors 'none'"), std::string::npos);
  EXPECT_NE(policy.find("form-action 'none'"), std::string::npos);
}

TEST_F(StatusPageTest, HoldsNothingThatThePolicyWouldForbid) {
  const std::string_view page = StatusPageText();
  for (const char* word : {"http:", "https:", " src=", " href=", " style=", " onclick=",
                           "innerHTML", "localStorage", "sessionStorage", "cookie", "eval("}) {
    EXPECT_EQ(page.find(word), std::string_view::npos) << word;
  }
}

}  // namespace
}  // namespace mailhaul::http
