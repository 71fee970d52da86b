#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "connectors/pop3/apop.h"
#include "connectors/pop3/capabilities.h"
#include "connectors/pop3/command_encoder.h"
#include "connectors/pop3/listing.h"
#include "connectors/pop3/login.h"
#include "connectors/pop3/pop3_session.h"
#include "connectors/pop3/unique_key.h"

namespace mailhaul::pop3 {
namespace {

TEST(CommandEncoder, WritesOneLine) {
  EXPECT_EQ(EncodeCommand("RETR", 4294967295U), "RETR 4294967295\r\n");
  EXPECT_EQ(EncodeCommand("TOP", 7, " 0"), "TOP 7 0\r\n");
  EXPECT_EQ(EncodeCommand("PASS", "with space \xc3\xa4")->Reveal(), "PASS with space \xc3\xa4\r\n");
  EXPECT_EQ(EncodeCommand("PASS", "")->Reveal(), "PASS \r\n");
}

TEST(CommandEncoder, RefusesWhatWouldBecomeASecondCommand) {
  for (const std::string& argument :
       {std::string("alice\r\nDELE 1"), std::string("a\rb"), std::string("a\nb"),
        std::string("a\0b", 3), std::string(kArgumentBytesMax + 1, 'x')}) {
    const Result<Secret> command = EncodeCommand("USER", argument);
    ASSERT_FALSE(command.ok());
    EXPECT_EQ(command.status().code(), Code::kInvalidArgument);
    EXPECT_EQ(command.status().message().find("alice"), std::string::npos);
  }
  EXPECT_TRUE(EncodeCommand("USER", std::string(kArgumentBytesMax, 'x')).ok());
}

TEST(Listing, Sizes) {
  SizeLine line;
  ASSERT_TRUE(ParseSizeLine("1 120", &line));
  EXPECT_EQ(line.number, 1U);
  EXPECT_EQ(line.size, 120U);
  ASSERT_TRUE(ParseSizeLine(" 4294967295\t18446744073709551615 octets", &line));
  EXPECT_EQ(line.number, 4294967295U);
  EXPECT_EQ(line.size, 18446744073709551615U);
  for (const char* bad : {"", "1", "1 ", "x 1", "1 x", "0 1", "-1 1", "1 -1", "1,1", "1 1x",
                          "4294967296 1", "1 18446744073709551616", "+1 1", "0x1 1"}) {
    EXPECT_FALSE(ParseSizeLine(bad, &line)) << bad;
  }
}

TEST(Listing, UniqueIds) {
  UniqueIdLine line;
  ASSERT_TRUE(ParseUniqueIdLine("2 QhdPYR:00WBw1Ph7x7", &line));
  EXPECT_EQ(line.number, 2U);
  EXPECT_EQ(line.unique_id, "QhdPYR:00WBw1Ph7x7");
  ASSERT_TRUE(ParseUniqueIdLine("2   a b  ", &line));
  EXPECT_EQ(line.unique_id, "a b");
  const std::string longest(kUniqueIdBytesMax, 'u');
  const std::string with_longest = "9 " + longest;
  ASSERT_TRUE(ParseUniqueIdLine(with_longest, &line));
  EXPECT_EQ(line.unique_id, longest);
  // Unusable, but the message is there.
  const std::string too_long = "9 " + longest + "u";
  for (const std::string& text : {std::string("9"), std::string("9 "), too_long,
                                  std::string("9 a\x01"), std::string("9 \xc3\xa4")}) {
    ASSERT_TRUE(ParseUniqueIdLine(text, &line)) << text;
    EXPECT_EQ(line.number, 9U);
    EXPECT_EQ(line.unique_id, "") << text;
  }
  for (const char* bad : {"", "x y", "0 id", "-1 id", "4294967296 id", "1x id"}) {
    EXPECT_FALSE(ParseUniqueIdLine(bad, &line)) << bad;
  }
}

TEST(Capabilities, AreFoundInAnyCase) {
  Capabilities capabilities;
  EXPECT_FALSE(capabilities.known());
  for (const char* line : {"top", "SASL plain  Scram-SHA-256", "EXPIRE 60", "LOGIN-DELAY 900",
                           "IMPLEMENTATION Shlemazle-Plotz-v302", ""}) {
    capabilities.AddLine(line);
  }
  EXPECT_TRUE(capabilities.known());
  EXPECT_TRUE(capabilities.Has("TOP"));
  EXPECT_FALSE(capabilities.Has("PIPELINING"));
  EXPECT_EQ(capabilities.sasl(), std::vector<std::string>({"PLAIN", "SCRAM-SHA-256"}));
  EXPECT_EQ(capabilities.login_delay(), std::chrono::seconds(900));
  EXPECT_EQ(capabilities.expire_days(), 60U);
  EXPECT_FALSE(capabilities.depends_on_user());
}

TEST(Capabilities, DelaysMayDependOnTheUserAndBeAbsurd) {
  Capabilities capabilities;
  capabilities.AddLine("LOGIN-DELAY 4000000000 USER");
  capabilities.AddLine("EXPIRE NEVER");
  EXPECT_EQ(capabilities.login_delay(), std::chrono::hours(24));
  EXPECT_FALSE(capabilities.expire_days().has_value());
  EXPECT_TRUE(capabilities.depends_on_user());
  Capabilities broken;
  broken.AddLine("LOGIN-DELAY soon");
  broken.AddLine("EXPIRE -1");
  EXPECT_EQ(broken.login_delay().count(), 0);
  EXPECT_FALSE(broken.expire_days().has_value());
}

TEST(Apop, GivesTheDigestOfTheRfc) {
  EXPECT_EQ(ApopDigest("<1896.697170952@dbc.mtview.ca.us>", "tanstaaf"),
            "c4c9334bac560ecc979e58001b3e22fb");
}

TEST(Apop, FindsTheTimestampInAGreeting) {
  EXPECT_EQ(FindTimestamp("POP3 server ready <1896.697170952@dbc.mtview.ca.us>"),
            "<1896.697170952@dbc.mtview.ca.us>");
  EXPECT_EQ(FindTimestamp("<a> x <b@c> y"), "<b@c>");
  for (const char* none : {"", "ready", "<abc>", "<a@b", "a@b>", "<a @b>", "<a\x01@b>"}) {
    EXPECT_EQ(FindTimestamp(none), "") << none;
  }
}

TEST(UniqueKey, DependsOnKindAndEveryPart) {
  KeyHasher hasher;
  const auto key = [&hasher](KeyKind kind, std::string_view a, std::string_view b) {
    hasher.Begin(kind);
    hasher.AddText(a);
    hasher.AddBytes(b);
    return hasher.Finish();
  };
  const UidlKey base = key(KeyKind::kHeader, "ab", "c");
  EXPECT_EQ(base, key(KeyKind::kHeader, "ab", "c"));
  EXPECT_NE(base, key(KeyKind::kContent, "ab", "c"));
  EXPECT_NE(base, key(KeyKind::kHeader, "a", "bc"));
  EXPECT_NE(base, key(KeyKind::kHeader, "ab", "d"));
}

// Persisted in stores: must never change.
TEST(UniqueKey, OfAUniqueIdIsFixed) {
  KeyHasher hasher;
  hasher.Begin(KeyKind::kUniqueId);
  hasher.AddBytes("QhdPYR:00WBw1Ph7x7");
  const UidlKey key = hasher.Finish();
  std::string hex;
  for (const unsigned char byte : key) {
    constexpr char kDigits[] = "0123456789abcdef";
    hex += kDigits[byte / 16];
    hex += kDigits[byte % 16];
  }
  EXPECT_EQ(hex, "40914fe2b7f609e8632ab383fc094b56");
}

}  // namespace
}  // namespace mailhaul::pop3
