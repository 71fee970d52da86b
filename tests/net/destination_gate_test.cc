// Destinations that users may name but nobody may reach: none of them gets a connection.
#include <gtest/gtest.h>

#include "connectors/dialer.h"
#include "connectors/net/virtual_loop.h"
#include "tests/net/scripted_network.h"

namespace mailhaul {
namespace {

using net::IpAddress;
using std::chrono::seconds;

// As a user may write them in the place of a server's name.
constexpr const char* kSpellings[] = {
    // Loopback, in all notations that some library takes for it.
    "127.0.0.1", "127.0.0.1.", "127.1", "127.0.1", "127.255.255.254", "0x7f.0.0.1", "0x7f000001",
    "0X7F000001", "0177.0.0.1", "017700000001", "2130706433", "127.0.0.0x1", "0x7f.1", "0", "0.0",
    "0.0.0.0", "0.0.0.1", "[127.0.0.1]", "127.0.0.1:993", "localhost", "LOCALHOST", "localhost.",
    "imap.localhost", "\xEF\xBC\x91\xEF\xBC\x92\xEF\xBC\x97.0.0.1",
    "\xE2\x91\xA0\xE2\x91\xA1\xE2\x91\xA6.0.0.1",
    "127\xE3\x80\x82\x30\xE3\x80\x82\x30\xE3\x80\x82\x31",
    "\xEF\xBC\x91\xEF\xBC\x92\xEF\xBC\x97.\xEF\xBC\x91", "\xD9\xA1\xD9\xA2\xD9\xA7.0.0.1", "::1",
    "[::1]", "0:0:0:0:0:0:0:1", "::", "::1%lo", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:7f00:1",
    "::FFFF:127.0.0.1", "::ffff:0:127.0.0.1", "64:ff9b::127.0.0.1", "64:ff9b::7f00:1",
    "64:ff9b:1::127.0.0.1", "64:ff9b:1:abcd::a00:1", "2002:7f00:1::", "2001:0:7f00:1::f7f7:f7f7",
    "2001:0:808:808::80ff:fffe",
    // Private, shared and local networks.
    "10.0.0.1", "10.255.255.255", "0xa.0.0.1", "012.0.0.1", "167772161", "172.16.0.1",
    "172.31.255.255", "192.168.0.1", "192.168.255.255", "3232235521", "100.64.0.1",
    "100.127.255.255", "169.254.0.1", "169.254.255.255", "fc00::1", "fd12:3456:789a::1", "fe80::1",
    "fe80::1%eth0", "febf::1", "fec0::1", "::ffff:10.0.0.1", "::ffff:192.168.1.1",
    "::ffff:c0a8:101", "64:ff9b::10.0.0.1", "64:ff9b::192.168.0.1",
    "2002:a00:1::", "2002:c0a8:101::1", "2002:ac10:1::1", "2001:0:a00:1::f7f7:f7f7",
    // Metadata services of clouds.
    "169.254.169.254", "169.254.170.2", "0xa9fea9fe", "2852039166", "0251.0376.0251.0376",
    "169.254.43518", "::ffff:169.254.169.254", "::ffff:a9fe:a9fe", "64:ff9b::a9fe:a9fe",
    "2002:a9fe:a9fe::1", "fd00:ec2::254", "fd20:ce::254", "100.100.100.200", "192.0.0.192",
    "\xE2\x91\xA0\xE2\x91\xA5\xE2\x91\xA8.254.169.254",
    // What the registries of special-purpose addresses name besides.
    "192.0.0.1", "192.0.0.170", "192.0.2.1", "192.88.99.1", "198.18.0.1", "198.19.255.255",
    "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.250", "240.0.0.1", "254.255.255.255",
    "255.255.255.255", "100::1", "2001:2::1", "2001:10::1", "2001:20::1", "2001:db8::1", "3fff::1",
    "5f00::1", "4000::1", "ff02::1", "ff0e::1", "2001:0:808:808::f5ff:fffe"};

// What a name may resolve to; the last of its answers is the bad one.
constexpr const char* kAnswers[] = {"127.0.0.1",
                                    "10.0.0.1",
                                    "172.16.0.1",
                                    "192.168.1.1",
                                    "169.254.169.254",
                                    "100.64.0.1",
                                    "100.100.100.200",
                                    "0.0.0.0",
                                    "198.18.0.1",
                                    "240.0.0.1",
                                    "255.255.255.255",
                                    "::1",
                                    "::",
                                    "fe80::1",
                                    "fd00:ec2::254",
                                    "::ffff:10.0.0.1",
                                    "64:ff9b::a00:1",
                                    "64:ff9b:1::a00:1",
                                    "2002:a00:1::",
                                    "2001:0:a00:1::f7f7:f7f7"};

class DestinationGateTest : public ::testing::Test {
 protected:
  DestinationGateTest() {
    std::vector<IpAddress> loopback = {IpAddress::V4(127, 0, 0, 1)};
    network_.names["localhost"] = network_.names["imap.localhost"] = loopback;
  }

  Status DialOnce(const std::string& host) {
    Dialer dialer(network_, {.connect_timeout = seconds(10)});
    const ServerAddress server{.host = host, .port = 993, .security = Security::kPlaintext};
    return loop_.Await(dialer.Dial(server, std::nullopt)).status();
  }
  void ExpectRefused(const std::string& host) {
    const Status status = DialOnce(host);
    EXPECT_TRUE(status.code() == Code::kUnreachable || status.code() == Code::kInvalidArgument)
        << host << ": " << status.ToString();
    EXPECT_EQ(network_.connects.size(), 0U) << host;
  }

  net::VirtualClock clock_{WallTime(seconds(1'700'000'000))};
  net::VirtualLoop loop_{clock_};
  net::ScriptedNetwork network_;
};

static_assert(std::size(kSpellings) >= 113);

TEST_F(DestinationGateTest, NoSpellingOfABlockedAddressGetsAConnection) {
  for (const char* const host : kSpellings) {
    ExpectRefused(host);
  }
}

TEST_F(DestinationGateTest, NoNameThatResolvesToABlockedAddressGetsAConnection) {
  const IpAddress good = IpAddress::V4(93, 184, 216, 34);
  for (const char* const answer : kAnswers) {
    network_.names["alone.example.com"] = {*IpAddress::Parse(answer)};
    network_.names["mixed.example.com"] = {good, *IpAddress::Parse(answer)};
    network_.names["10-0-0-1.nip.example"] = {*IpAddress::Parse(answer)};
    ExpectRefused("alone.example.com");
    ExpectRefused("mixed.example.com");
    ExpectRefused("10-0-0-1.nip.example");
  }
}

TEST_F(DestinationGateTest, TheBadAnswerIsSeenAmongManyGoodOnes) {
  for (uint8_t i = 1; i < 32; ++i) {
    network_.names["many.example.com"].push_back(IpAddress::V4(93, 184, 216, i));
  }
  network_.names["many.example.com"].push_back(IpAddress::V4(10, 0, 0, 1));
  ExpectRefused("many.example.com");
}

TEST_F(DestinationGateTest, PublicDestinationsGetOne) {
  for (const char* const host : {"93.184.216.34", "2606:4700::1111", "::ffff:93.184.216.34",
                                 "64:ff9b::93.184.216.34", "2002:5db8:d822::1"}) {
    network_.connects.clear();
    network_.answers_after[*IpAddress::Parse(host)] = seconds(0);
    EXPECT_TRUE(DialOnce(host).ok()) << host;
    EXPECT_EQ(network_.connects.size(), 1U) << host;
  }
}

}  // namespace
}  // namespace mailhaul
