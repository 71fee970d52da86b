#include "connectors/smtp/address.h"

#include <gtest/gtest.h>

#include <string>

namespace mailhaul::smtp {
namespace {

TEST(AddressTest, TakesMailboxes) {
  for (const char* address :
       {"alice@example.com", "a@b", "a.b.c@example.com", "!#$%&'*+-/=?^_`{|}~@example.com",
        "\"john doe\"@example.com", "\"a\\\"b\"@example.com", "\"a\\\\b\"@example.com",
        "\"\"@example.com", "\"a@b\"@example.com", "\"..\"@example.com", "a@[192.0.2.1]",
        "a@[IPv6:2001:db8::1]", "a@xn--bcher-kva.example",
        "b\xC3\xBC"
        "cher@b\xC3\xBC"
        "cher.example",
        "\xE7\x94\xA8\xE6\x88\xB7@example.com", "a+tag@1.2.example", "a@a-b.example"}) {
    EXPECT_TRUE(CheckMailbox(address).ok()) << CheckMailbox(address).ToString();
  }
}

TEST(AddressTest, RefusesTheRest) {
  for (const char* address : {"",
                              "@",
                              "a@",
                              "@b",
                              "alice",
                              "a@b@c",
                              ".a@b",
                              "a.@b",
                              "a..b@c",
                              "a b@c",
                              "\"a@b",
                              "a\"@b",
                              "\"a\"b@c",
                              "a@-b",
                              "a@b-",
                              "a@b..c",
                              "a@b.",
                              "a@.b",
                              "a@b_c",
                              "a@[1.2.3]",
                              "a@[::1]",
                              "a@[IPv6:1.2.3.4]",
                              "a@[]",
                              "a@[1.2.3.4",
                              "a@[tag:x]",
                              "a@b c",
                              "(c)a@b",
                              "a@b(c)",
                              "a,b@c",
                              "a;b@c",
                              "<a@b>",
                              "a@b>",
                              "\"a>\"@b",
                              "\"a<b\"@c",
                              "a\\@b",
                              "\"a\\\"@b",
                              "\xC3@example.com",
                              "a\xED\xA0\x80@example.com",
                              "a\xC2\x85@b",
                              "a\xE2\x80\xA8@b",
                              "a\xE2\x80\xAE@b",
                              "a@b\xE2\x80\xA9",
                              "a@\xEF\xBB\xBF"
                              "b",
                              "a:b@c",
                              "@x:a@b"}) {
    EXPECT_EQ(CheckMailbox(address).code(), Code::kInvalidArgument) << address;
  }
}

TEST(AddressTest, KeepsItsLengths) {
  const std::string label(60, 'd');
  const std::string domain = label + "." + label + "." + label + ".example";
  EXPECT_TRUE(CheckMailbox(std::string(60, 'l') + "@" + domain).ok());
  EXPECT_FALSE(CheckMailbox(std::string(65, 'l') + "@example.com").ok());
  EXPECT_TRUE(CheckMailbox(std::string(64, 'l') + "@example.com").ok());
  EXPECT_FALSE(CheckMailbox("a@" + std::string(64, 'd')).ok());
  EXPECT_FALSE(CheckMailbox(std::string(60, 'l') + "@" + domain + ".example").ok());
}

TEST(AddressTest, ClientNames) {
  for (const char* name : {"host.example.com", "localhost", "[127.0.0.1]", "[IPv6:::1]"}) {
    EXPECT_TRUE(CheckClientName(name).ok()) << name;
  }
  for (const char* name : {"", "a b", "a\r\nMAIL", "[1]",
                           "b\xC3\xBC"
                           "cher.example",
                           "a_b", "x."}) {
    EXPECT_FALSE(CheckClientName(name).ok()) << name;
  }
}

}  // namespace
}  // namespace mailhaul::smtp
