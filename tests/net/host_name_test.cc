#include "connectors/net/host_name.h"

#include <gtest/gtest.h>

#include "connectors/net/network.h"

namespace mailhaul::net {
namespace {

using namespace std::string_view_literals;

TEST(HostNameTest, NamesBecomeLowerCaseWithoutTheFinalDot) {
  EXPECT_EQ(*CanonicalHost("IMAP.Example.COM."), "imap.example.com");
  EXPECT_EQ(*CanonicalHost("localhost"), "localhost");
  EXPECT_EQ(*CanonicalHost("_imaps._tcp.example.com"), "_imaps._tcp.example.com");
  EXPECT_EQ(*CanonicalHost("10.example.com"), "10.example.com");
  EXPECT_EQ(*CanonicalHost("1.0x7g"), "1.0x7g");
}

TEST(HostNameTest, LettersBeyondAsciiBecomeXnLabels) {
  EXPECT_EQ(*CanonicalHost("b\xC3\xBC"
                           "cher.example"),
            "xn--bcher-kva.example");
  EXPECT_EQ(*CanonicalHost("B\xC3\x9C"
                           "CHER.Example."),
            "xn--bcher-kva.example");
  // u with a combining diaeresis.
  EXPECT_EQ(*CanonicalHost("bu\xCC\x88"
                           "cher.example"),
            "xn--bcher-kva.example");
  // Non-transitional: sharp s stays itself.
  EXPECT_EQ(*CanonicalHost("stra\xC3\x9F"
                           "e.example"),
            "xn--strae-oqa.example");
  EXPECT_EQ(*CanonicalHost("xn--bcher-kva.example"), "xn--bcher-kva.example");
  // Full-width letters, and the ideographic full stop.
  EXPECT_EQ(*CanonicalHost("\xEF\xBD\x81\xE3\x80\x82"
                           "example"),
            "a.example");
}

TEST(HostNameTest, AddressesBecomeTheirUsualForm) {
  EXPECT_EQ(*CanonicalHost("192.0.2.1"), "192.0.2.1");
  EXPECT_EQ(*CanonicalHost("192.0.2.1."), "192.0.2.1");
  EXPECT_EQ(*CanonicalHost("2001:DB8:0::1"), "2001:db8::1");
  EXPECT_EQ(*CanonicalHost("::ffff:10.0.0.1"), "10.0.0.1");
  // Full-width and circled digits: an address after all, and the gate sees it as one.
  EXPECT_EQ(*CanonicalHost("\xEF\xBC\x91\xEF\xBC\x92\xEF\xBC\x97.0.0.1"), "127.0.0.1");
  EXPECT_EQ(*CanonicalHost("\xE2\x91\xA0\xE2\x91\xA1\xE2\x91\xA6\xE3\x80\x82\x30.0.1"),
            "127.0.0.1");
}

class NoHostNameTest : public ::testing::TestWithParam<std::string_view> {};

TEST_P(NoHostNameTest, IsRefused) {
  const Result<std::string> host = CanonicalHost(GetParam());
  EXPECT_EQ(host.status().code(), Code::kInvalidArgument) << GetParam();
}

constexpr std::string_view kNoHostNames[] = {
    ""sv, "."sv, ".."sv, "a..b"sv, ".a"sv, "a b"sv, " a"sv, "a/b"sv, "a:b"sv, "a@b"sv, "a\0b"sv,
    "a%00b"sv, "a\r\nb"sv,
    // Addresses to inet_aton(), and to some browsers and libraries.
    "127.1"sv, "127.0.1"sv, "0"sv, "2130706433"sv, "0x7f000001"sv, "0X7F.1"sv, "0x7f.0.0.1"sv,
    "0177.0.0.1"sv, "017700000001"sv, "1.2.3.4.5"sv, "256.1.1.1"sv, "127.0.0.0x1"sv, "a.1"sv,
    "example.0x"sv, "010.0.0.1"sv, "[::1]"sv, "::1%lo"sv, "fe80::1%25eth0"sv, "127.0.0.1:993"sv,
    // Full-width "127.1".
    "\xEF\xBC\x91\xEF\xBC\x92\xEF\xBC\x97.\xEF\xBC\x91"sv,
    // Not UTF-8, a zero-width space inside a label, a right-to-left override, emoji.
    "\xFF\xFE.example"sv, "a\xE2\x80\xAE.example"sv, "\xF0\x9F\x98\x80.example"sv,
    "a\xC3\xBC\0.example"sv};

INSTANTIATE_TEST_SUITE_P(All, NoHostNameTest, ::testing::ValuesIn(kNoHostNames));

TEST(HostNameTest, LabelsAndNamesHaveTheirLimits) {
  EXPECT_TRUE(CanonicalHost(std::string(63, 'a') + ".example").ok());
  EXPECT_FALSE(CanonicalHost(std::string(64, 'a') + ".example").ok());
  std::string longest;
  for (int i = 0; i < 4; ++i) {
    longest += std::string(62, 'a') + ".";
  }
  EXPECT_TRUE(CanonicalHost(longest + "b").ok());
  EXPECT_TRUE(CanonicalHost(longest + "b.").ok());
  EXPECT_FALSE(CanonicalHost(longest + "bb").ok());
  EXPECT_FALSE(CanonicalHost("\xC3\xBC" + std::string(5'000'000, 'a')).ok());
}

TEST(HostNameTest, WhatIsCanonicalStaysAsItIs) {
  for (const std::string_view host : {"192.0.2.1"sv, "2001:db8::1"sv, "xn--bcher-kva.example"sv}) {
    EXPECT_EQ(*CanonicalHost(host), host);
  }
  EXPECT_TRUE(IsCanonicalName("a.example"));
  EXPECT_FALSE(IsCanonicalName("A.example"));
  EXPECT_FALSE(IsCanonicalName("a.example."));
  EXPECT_FALSE(IsCanonicalName("192.0.2.1"));
}

}  // namespace
}  // namespace mailhaul::net
