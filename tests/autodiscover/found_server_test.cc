// Addresses in parts, and what lies within a domain.
#include "connectors/autodiscover/found_server.h"

#include <gtest/gtest.h>

namespace mailhaul::autodiscover {
namespace {

TEST(FoundServerTest, SplitsAddressesAtTheLastAt) {
  const Result<AddressParts> parts = SplitAddress("\"a@b\"@Example.COM");
  ASSERT_TRUE(parts.ok()) << parts.status().ToString();
  EXPECT_EQ(parts->local, "\"a@b\"");
  EXPECT_EQ(parts->domain, "example.com");
  EXPECT_EQ(parts->address, "\"a@b\"@example.com");
}

TEST(FoundServerTest, WritesInternationalDomainsAsDnsDoes) {
  const Result<AddressParts> parts = SplitAddress(
      "a@b\xC3\xBC"
      "cher.example");
  ASSERT_TRUE(parts.ok()) << parts.status().ToString();
  EXPECT_EQ(parts->domain, "xn--bcher-kva.example");
}

TEST(FoundServerTest, RefusesWhatHasNoDomain) {
  for (const std::string& address :
       {std::string("alice"), std::string("@example.com"), std::string("alice@"),
        std::string("a@127.0.0.1"), std::string("a@[127.0.0.1]"), std::string("a@::1"),
        std::string("a@127.1"), std::string("a@ex ample.com"), std::string("a@example.com/x"),
        std::string("a@.example.com"), std::string("a@a..b"), std::string("a@a#b"),
        std::string("a@a?b"), "a@" + std::string(400, 'x')}) {
    EXPECT_EQ(SplitAddress(address).status().code(), Code::kInvalidArgument) << address;
  }
}

TEST(FoundServerTest, ADomainHoldsWhatEndsInItAtALabel) {
  EXPECT_TRUE(IsWithin("example.com", "example.com"));
  EXPECT_TRUE(IsWithin("a.b.example.com", "example.com"));
  EXPECT_FALSE(IsWithin("notexample.com", "example.com"));
  EXPECT_FALSE(IsWithin("example.com.evil.example", "example.com"));
  EXPECT_FALSE(IsWithin("com", "example.com"));
  EXPECT_FALSE(IsWithin("", "example.com"));
}

}  // namespace
}  // namespace mailhaul::autodiscover
