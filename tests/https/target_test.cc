#include "connectors/https/target.h"

#include <gtest/gtest.h>

#include "base/text.h"

namespace mailhaul::https {
namespace {

TEST(TargetTest, ReadsHostAndPort) {
  const Result<Target> target = ParseTarget("https://OAuth2.GoogleAPIs.com/token?x=1");
  ASSERT_TRUE(target.ok()) << target.status().ToString();
  EXPECT_EQ(AsciiLowered(target->host), "oauth2.googleapis.com");
  EXPECT_EQ(target->port, 443);
  EXPECT_TRUE(target->encrypted);
  EXPECT_EQ(ParseTarget("https://[2001:db8::1]:8443/")->host, "2001:db8::1");
  EXPECT_EQ(ParseTarget("https://[2001:db8::1]:8443/")->port, 8443);
  EXPECT_EQ(ParseTarget("http://localhost")->port, 80);
  EXPECT_FALSE(ParseTarget("http://localhost")->encrypted);
}

TEST(TargetTest, WritingsOfAddressesAreUnderstoodAsLibcurlDoes) {
  for (const char* url : {"https://2130706433/", "https://0x7f000001/", "https://0177.1/",
                          "https://127.1/", "https://127.0.0.1/"}) {
    EXPECT_EQ(ParseTarget(url)->host, "127.0.0.1") << url;
  }
}

TEST(TargetTest, UnusableUrlsAreRefused) {
  const std::string long_url = "https://example.com/" + std::string(kUrlBytesMax, 'x');
  for (const std::string url : {"",
                                "example.com",
                                "//example.com",
                                "https://",
                                "https://exa mple.com/",
                                "https://example.com:0/",
                                "https://example.com:65536/",
                                "https://example.com:x/",
                                "ftp://example.com/",
                                "file:///etc/passwd",
                                "gopher://example.com/",
                                "dict://x/",
                                "https://u@example.com/",
                                "https://u:p@example.com/",
                                "https://:p@example.com/",
                                "https://example.com./",
                                "https://ex\u00E4mple.com/",
                                "https://exa%6Dple.com%00/",
                                "https://[fe80::1%25eth0]/",
                                "https://[::1",
                                "https://a\r\nb/",
                                "https://example.com/\n"}) {
    EXPECT_EQ(ParseTarget(url).status().code(), Code::kInvalidArgument) << url;
  }
  EXPECT_EQ(ParseTarget(long_url).status().code(), Code::kInvalidArgument);
  EXPECT_EQ(ParseTarget(std::string("https://a/\0b", 12)).status().code(), Code::kInvalidArgument);
}

TEST(TargetTest, ThePasswordOfAUrlIsNotInTheMessage) {
  const Status status = ParseTarget("https://user:hunter2@example.com/").status();
  EXPECT_EQ(status.message().find("hunter2"), std::string::npos) << status.message();
}

TEST(TargetTest, TheGateJudgesEveryAddress) {
  const net::IpAddress public_address = net::IpAddress::V4(8, 8, 8, 8);
  const net::IpAddress loopback = net::IpAddress::V4(127, 0, 0, 2);
  const net::IpAddress loopback6 = *net::IpAddress::Parse("::1");
  Target target;
  target.host = "example.com";
  EXPECT_TRUE(CheckDestination(target, {public_address}, false).ok());
  EXPECT_FALSE(CheckDestination(target, {public_address, loopback}, false).ok());
  EXPECT_TRUE(CheckDestination(target, {public_address, loopback}, true).ok());
  target.encrypted = false;
  EXPECT_TRUE(CheckDestination(target, {loopback, loopback6}, true).ok());
  EXPECT_FALSE(CheckDestination(target, {loopback, public_address}, true).ok());
  EXPECT_FALSE(CheckDestination(target, {loopback}, false).ok());
}

}  // namespace
}  // namespace mailhaul::https
