#include <gtest/gtest.h>

#include "connectors/net/network.h"

namespace mailhaul::net {
namespace {

TEST(IpAddressTest, ParsesAndPrintsBothVersions) {
  for (const char* const text :
       {"192.0.2.1", "0.0.0.0", "255.255.255.255", "2001:db8::1", "::1", "::", "fe80::1:2:3"}) {
    const Result<IpAddress> address = IpAddress::Parse(text);
    ASSERT_TRUE(address.ok()) << text;
    EXPECT_EQ(address->ToString(), text);
  }
}

TEST(IpAddressTest, AMappedAddressIsTheV4AddressItself) {
  const Result<IpAddress> mapped = IpAddress::Parse("::ffff:10.0.0.1");
  ASSERT_TRUE(mapped.ok());
  EXPECT_TRUE(mapped->is_v4());
  EXPECT_EQ(*mapped, IpAddress::V4(10, 0, 0, 1));
  EXPECT_EQ(mapped->ToString(), "10.0.0.1");
}

TEST(IpAddressTest, RefusesEveryOtherNotation) {
  using namespace std::string_view_literals;
  for (const std::string_view text : {""sv,
                                      "127.1"sv,
                                      "2130706433"sv,
                                      "0x7f.0.0.1"sv,
                                      "0177.0.0.1"sv,
                                      "010.0.0.1"sv,
                                      "1.2.3.4.5"sv,
                                      "1.2.3"sv,
                                      "256.1.1.1"sv,
                                      " 1.2.3.4"sv,
                                      "1.2.3.4 "sv,
                                      "1.2.3.4\0"sv,
                                      "[::1]"sv,
                                      "::1%eth0"sv,
                                      "1::2::3"sv,
                                      "12345::"sv,
                                      "localhost"sv,
                                      ":::"sv,
                                      "1:2:3:4:5:6:7:8:9"sv,
                                      "1.2.3.4:80"sv,
                                      "\xD9\xA1.2.3.4"sv,
                                      "0000000000000000000000000000000000000000000000000001"sv}) {
    const Result<IpAddress> address = IpAddress::Parse(text);
    EXPECT_FALSE(address.ok()) << text;
    EXPECT_EQ(address.status().code(), Code::kInvalidArgument);
  }
}

struct PrivateCase {
  const char* address;
  bool is_private;
};

class IsPrivateTest : public ::testing::TestWithParam<PrivateCase> {};

TEST_P(IsPrivateTest, IsJudgedByTheSpecialPurposeRegistries) {
  const Result<IpAddress> address = IpAddress::Parse(GetParam().address);
  ASSERT_TRUE(address.ok());
  EXPECT_EQ(address->IsPrivate(), GetParam().is_private) << GetParam().address;
}

constexpr PrivateCase kV4Cases[] = {
    {"0.0.0.0", true},          {"0.255.255.255", true},   {"1.0.0.0", false},
    {"9.255.255.255", false},   {"10.0.0.0", true},        {"10.255.255.255", true},
    {"11.0.0.0", false},        {"100.63.255.255", false}, {"100.64.0.0", true},
    {"100.127.255.255", true},  {"100.128.0.0", false},    {"126.255.255.255", false},
    {"127.0.0.1", true},        {"127.255.255.255", true}, {"128.0.0.0", false},
    {"169.253.255.255", false}, {"169.254.169.254", true}, {"169.255.0.0", false},
    {"172.15.255.255", false},  {"172.16.0.0", true},      {"172.31.255.255", true},
    {"172.32.0.0", false},      {"192.0.0.1", true},       {"192.0.1.0", false},
    {"192.0.2.77", true},       {"192.88.99.1", true},     {"192.167.255.255", false},
    {"192.168.0.1", true},      {"192.169.0.0", false},    {"198.17.255.255", false},
    {"198.18.0.0", true},       {"198.19.255.255", true},  {"198.20.0.0", false},
    {"198.51.100.9", true},     {"203.0.113.9", true},     {"203.0.114.0", false},
    {"223.255.255.255", false}, {"224.0.0.1", true},       {"239.255.255.255", true},
    {"240.0.0.1", true},        {"255.255.255.255", true}, {"8.8.8.8", false},
};
constexpr PrivateCase kV6Cases[] = {
    {"::", true},
    {"::1", true},
    {"::8.8.8.8", true},
    {"::ffff:10.0.0.1", true},
    {"::ffff:8.8.8.8", false},
    {"64:ff9b::10.0.0.1", true},
    {"64:ff9b::8.8.8.8", false},
    {"64:ff9b:1::8.8.8.8", true},
    {"100::1", true},
    {"2002:0a00:0001::1", true},
    {"2002:7f00:0001::1", true},
    {"2002:0808:0808::1", false},
    // Teredo: the server's address, then the client's with all bits inverted.
    {"2001:0:a00:1::f7f7:f7f7", true},
    {"2001:0:808:808::f5ff:fffe", true},
    {"2001:0:808:808::f7f7:f7f7", false},
    {"2001:2::1", true},
    {"2001:10::1", true},
    {"2001:1ff::1", true},
    {"2001:200::1", false},
    {"2001:db8::1", true},
    {"2001:db9::1", false},
    {"2606:4700::1111", false},
    {"2a00:1450:4001::1", false},
    {"3fff:fff::1", true},
    {"3fff:1000::1", false},
    {"4000::1", true},
    {"fc00::1", true},
    {"fdff:ffff::1", true},
    {"fe80::1", true},
    {"febf::1", true},
    {"fec0::1", true},
    {"ff02::1", true},
};

INSTANTIATE_TEST_SUITE_P(V4, IsPrivateTest, ::testing::ValuesIn(kV4Cases));
INSTANTIATE_TEST_SUITE_P(V6, IsPrivateTest, ::testing::ValuesIn(kV6Cases));

TEST(EndpointTest, PrintsV6InBrackets) {
  EXPECT_EQ((Endpoint{.address = *IpAddress::Parse("192.0.2.1"), .port = 993}).ToString(),
            "192.0.2.1:993");
  EXPECT_EQ((Endpoint{.address = *IpAddress::Parse("2001:db8::1"), .port = 993}).ToString(),
            "[2001:db8::1]:993");
}

}  // namespace
}  // namespace mailhaul::net
