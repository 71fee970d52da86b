#include "engine/http/target.h"

#include <gtest/gtest.h>

namespace mailhaul::http {
namespace {

using Query = std::vector<std::pair<std::string, std::string>>;

Target Parse(std::string_view text) {
  Result<Target> target = ParseTarget(text);
  EXPECT_TRUE(target.ok()) << text << ": " << target.status().ToString();
  return target.ok() ? std::move(target).value() : Target{};
}

TEST(TargetTest, SplitsPathAndQuery) {
  const Target target = Parse("/v1/messages/00/raw?a=1&b=two%20words&c");
  EXPECT_EQ(target.segments, (std::vector<std::string>{"v1", "messages", "00", "raw"}));
  EXPECT_EQ(target.query, (Query{{"a", "1"}, {"b", "two words"}, {"c", ""}}));
}

TEST(TargetTest, DecodesSegmentsAfterSplitting) {
  EXPECT_EQ(Parse("/a%2Fb/%C3%BC").segments, (std::vector<std::string>{"a/b", "\xC3\xBC"}));
}

TEST(TargetTest, APlusInTheQueryIsASpaceAndInThePathItself) {
  const Target target = Parse("/a+b?from=a%2Bb%40c&subject=x+y");
  EXPECT_EQ(target.segments, (std::vector<std::string>{"a+b"}));
  EXPECT_EQ(target.query, (Query{{"from", "a+b@c"}, {"subject", "x y"}}));
}

TEST(TargetTest, TakesAnAbsoluteUrl) {
  EXPECT_EQ(Parse("http://mail.example:80/v1/x?y=z").segments,
            (std::vector<std::string>{"v1", "x"}));
}

TEST(TargetTest, KeepsEmptySegments) {
  EXPECT_EQ(Parse("/v1/mailboxes/").segments, (std::vector<std::string>{"v1", "mailboxes", ""}));
}

TEST(TargetTest, RefusesWhatIsNoPathOrHoldsOddText) {
  const std::string many_segments = [] {
    std::string path;
    for (size_t i = 0; i <= kPathSegmentsMax; ++i) {
      path += "/a";
    }
    return path;
  }();
  const std::string many_parameters = [] {
    std::string path = "/?p=1";
    for (size_t i = 0; i <= kQueryParametersMax; ++i) {
      path += "&p" + std::to_string(i) + "=1";
    }
    return path;
  }();
  const std::vector<std::string> bad = {"",
                                        "*",
                                        "v1/x",
                                        "mail.example:443",
                                        "ftp://a/b",
                                        "http:///x",
                                        "http://user:pw@host/x",
                                        "/a#b",
                                        "/a?b#c",
                                        "/%",
                                        "/%4",
                                        "/%zz",
                                        "/%00",
                                        "/a%0d%0ab",
                                        "/%7f",
                                        "/%ff",
                                        "/%c3%28",
                                        "/?a=%00",
                                        "/?a=%",
                                        "/?%ff=1",
                                        "/?a=1&a=2",
                                        "/?a=1&%61=2",
                                        "/\xC3\xBC",
                                        "/<x>",
                                        "/?a=" + std::string(kQueryValueBytesMax + 1, 'x'),
                                        many_segments,
                                        many_parameters};
  for (const std::string& text : bad) {
    const Result<Target> target = ParseTarget(text);
    ASSERT_FALSE(target.ok()) << text;
    EXPECT_EQ(target.status().code(), Code::kInvalidArgument);
  }
}

}  // namespace
}  // namespace mailhaul::http
