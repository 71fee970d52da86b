#include "engine/config/text_rules.h"

#include <gtest/gtest.h>

#include <string>

namespace mailhaul::config {
namespace {

TEST(TextRulesTest, NamesHaveOnlyCharactersThatPathsCarry) {
  for (const char* good : {"a", "alice", "alice@acme.example", "A.b_c-d+1", "..."}) {
    EXPECT_TRUE(IsName(good, 64)) << good;
  }
  for (const char* bad : {"", ".", "..", "a b", "a/b", "a:b", "\xC3\xA9", "a\n"}) {
    EXPECT_FALSE(IsName(bad, 64)) << bad;
  }
  EXPECT_TRUE(IsName(std::string(64, 'x'), 64));
  EXPECT_FALSE(IsName(std::string(65, 'x'), 64));
}

TEST(TextRulesTest, MailAddressesHaveTwoSidesAndNoSeparators) {
  for (const char* good : {"a@b", "alice@acme.example", "\"x@y\"@z", "\xC3\xBC@example.com"}) {
    EXPECT_TRUE(IsMailAddress(good)) << good;
  }
  for (const char* bad : {"", "@", "a@", "@b", "alice", "a b@c", "<a@b>", "a@b,c@d"}) {
    EXPECT_FALSE(IsMailAddress(bad)) << bad;
  }
}

TEST(TextRulesTest, HostsAreBroughtIntoOneSpelling) {
  EXPECT_EQ(CanonicalHost("IMAP.Example.COM"), "imap.example.com");
  EXPECT_EQ(CanonicalHost("10.0.0.1"), "10.0.0.1");
  EXPECT_EQ(CanonicalHost("2001:DB8:0:0::1"), "2001:db8::1");
  EXPECT_EQ(CanonicalHost("a_b-c.example"), "a_b-c.example");
  EXPECT_EQ(CanonicalHost("1und1.de"), "1und1.de");
}

TEST(TextRulesTest, WhatResolversMightReadDifferentlyIsNoHost) {
  for (const char* bad : {"",
                          ".",
                          "a..b",
                          "a.",
                          ".a",
                          "-a.b",
                          "a-.b",
                          "a b",
                          "a/b",
                          "a:993",
                          "[::1]",
                          "127.1",
                          "1.2.3",
                          "1.2.3.4.5",
                          "256.1.1.1",
                          "2130706433",
                          "0x7f000001",
                          "a.0x1",
                          "b\xC3\xBC"
                          "cher.example",
                          "::1%lo"}) {
    EXPECT_EQ(CanonicalHost(bad), std::nullopt) << bad;
  }
  EXPECT_NE(CanonicalHost(std::string(63, 'a') + ".b"), std::nullopt);
  EXPECT_EQ(CanonicalHost(std::string(64, 'a') + ".b"), std::nullopt);
  std::string dotted = "a";
  while (dotted.size() < kHostBytesMax) {
    dotted += ".a";
  }
  EXPECT_NE(CanonicalHost(dotted), std::nullopt);
  EXPECT_EQ(CanonicalHost(dotted + ".a"), std::nullopt);
}

TEST(TextRulesTest, LoopbackIsKnownInAllItsForms) {
  for (const char* yes :
       {"localhost", "imap.localhost", "127.0.0.1", "127.255.3.4", "::1", "::ffff:127.0.0.1"}) {
    EXPECT_TRUE(IsLoopbackHost(yes)) << yes;
  }
  for (const char* no : {"notlocalhost", "localhost.example", "128.0.0.1", "10.0.0.1", "::2",
                         "::", "::ffff:10.0.0.1", "127.0.0.1.example"}) {
    EXPECT_FALSE(IsLoopbackHost(no)) << no;
  }
}

TEST(TextRulesTest, ListenAddressesAreLiteralAndBracketedIfIpv6) {
  const std::optional<ListenAddress> v4 = ParseListenAddress("127.0.0.1:8025");
  ASSERT_TRUE(v4);
  EXPECT_EQ(v4->address, "127.0.0.1");
  EXPECT_EQ(v4->port, 8025);
  const std::optional<ListenAddress> v6 = ParseListenAddress("[::1]:0");
  ASSERT_TRUE(v6);
  EXPECT_EQ(v6->address, "::1");
  EXPECT_EQ(v6->port, 0);
  for (const char* bad : {"", ":", "8025", ":8025", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536",
                          "127.0.0.1:80x", "127.0.0.1:-1", "localhost:80", "::1:80",
                          "[127.0.0.1]:80", "[]:80", "[::1]", "127.0.0.1: 80"}) {
    EXPECT_FALSE(ParseListenAddress(bad)) << bad;
  }
}

}  // namespace
}  // namespace mailhaul::config
