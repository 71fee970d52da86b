#include "base/text.h"

#include <gtest/gtest.h>

#include <array>

#include "base/random.h"

namespace mailhaul {
namespace {

using namespace std::string_view_literals;

TEST(TextTest, CaseIsFoldedInAsciiOnly) {
  EXPECT_EQ(AsciiLowered("ABCxyz019\xC4"), "abcxyz019\xC4");
  EXPECT_TRUE(EqualsIgnoreCase("InBox", "iNbOX"));
  EXPECT_FALSE(EqualsIgnoreCase("inbox", "inbox2"));
  EXPECT_FALSE(EqualsIgnoreCase("\xC4", "\xE4"));
  EXPECT_FALSE(EqualsIgnoreCase("@", "`"));
  EXPECT_TRUE(StartsWithIgnoreCase("X-GM-EXT-1", "x-gm"));
  EXPECT_FALSE(StartsWithIgnoreCase("X", "x-gm"));
}

TEST(TextTest, EscapedTextIsPrintableAsciiOfOneLine) {
  EXPECT_EQ(EscapeForLog("a\r\nb\\c\x7F\xC3\xA4"), "a\\x0d\\x0ab\\x5cc\\x7f\\xc3\\xa4");
  EXPECT_EQ(EscapeForLog("a\0b"sv), "a\\x00b");
  EXPECT_EQ(EscapeForLog("abcdef", 3), "abc...");
  EXPECT_EQ(EscapeForLog("abc", 3), "abc");
}

struct Utf8Case {
  std::string_view text;
  bool valid;
};
constexpr std::array<Utf8Case, 23> kUtf8Cases = {{
    {"", true},
    {"plain ASCII of more than eight bytes", true},
    {"a\0b"sv, true},
    {"\xC3\xA4", true},
    {"\xE2\x82\xAC", true},
    {"\xF0\x9F\x98\x80", true},
    {"\xF4\x8F\xBF\xBF", true},
    {"\xED\x9F\xBF", true},
    {"\xEE\x80\x80", true},
    {"\x80", false},
    {"\xC3", false},
    {"\xC0\x80", false},          // Overlong.
    {"\xC1\xBF", false},          // Overlong.
    {"\xE0\x9F\xBF", false},      // Overlong.
    {"\xF0\x8F\xBF\xBF", false},  // Overlong.
    {"\xED\xA0\x80", false},      // Surrogate.
    {"\xF4\x90\x80\x80", false},  // Beyond U+10FFFF.
    {"\xF5\x80\x80\x80", false},
    {"\xE2\x82", false},
    {"\xF0\x9F\x98", false},
    {"12345678\xFF", false},
    {"1234567\xC3", false},
    {"\xE2\x28\xA1", false},
}};

TEST(TextTest, Utf8IsValidatedStrictly) {
  for (const Utf8Case& test : kUtf8Cases) {
    EXPECT_EQ(IsValidUtf8(test.text), test.valid) << HexEncode(test.text);
    EXPECT_EQ(ToValidUtf8(test.text) == test.text, test.valid) << HexEncode(test.text);
    EXPECT_TRUE(IsValidUtf8(ToValidUtf8(test.text))) << HexEncode(test.text);
  }
  EXPECT_EQ(ToValidUtf8("a\xFF\xC3z"), "a\xEF\xBF\xBD\xEF\xBF\xBDz");
}

TEST(TextTest, RandomBytesBecomeValidUtf8) {
  SeededRandom random(8);
  for (int i = 0; i < 5000; ++i) {
    std::string bytes(random.Below(24), '\0');
    for (char& byte : bytes) {
      byte = static_cast<char>(random.Below(2) == 0 ? random.Below(256) : 0x80 + random.Below(128));
    }
    const std::string valid = ToValidUtf8(bytes);
    EXPECT_TRUE(IsValidUtf8(valid));
    EXPECT_EQ(IsValidUtf8(bytes), valid == bytes);
  }
}

TEST(TextTest, APrefixDoesNotCutACharacter) {
  const std::string_view text =
      "a\xE2\x82\xAC"
      "b";
  EXPECT_EQ(Utf8Prefix(text, 0), "");
  EXPECT_EQ(Utf8Prefix(text, 1), "a");
  EXPECT_EQ(Utf8Prefix(text, 2), "a");
  EXPECT_EQ(Utf8Prefix(text, 3), "a");
  EXPECT_EQ(Utf8Prefix(text, 4), "a\xE2\x82\xAC");
  EXPECT_EQ(Utf8Prefix(text, 5), text);
  EXPECT_EQ(Utf8Prefix(text, 500), text);
}

TEST(TextTest, HexGoesBothWaysAndRefusesRubbish) {
  EXPECT_EQ(HexEncode("\x00\xFF\x1A"sv), "00ff1a");
  EXPECT_EQ(HexDecode("00fF1a"), "\x00\xFF\x1A"sv);
  EXPECT_EQ(HexDecode(""), "");
  EXPECT_FALSE(HexDecode("0").has_value());
  EXPECT_FALSE(HexDecode("0g").has_value());
  EXPECT_FALSE(HexDecode(" 1").has_value());
}

TEST(TextTest, TheNearestWordIsFoundOnlyWhenNear) {
  constexpr std::array<std::string_view, 3> kWords = {"host", "port", "security"};
  EXPECT_EQ(NearestWord("hots", kWords), "host");
  EXPECT_EQ(NearestWord("secruity", kWords), "security");
  EXPECT_EQ(NearestWord("completely different", kWords), "");
  EXPECT_EQ(EditDistance("kitten", "sitting"), 3U);
  EXPECT_EQ(EditDistance("", "abc"), 3U);
}

}  // namespace
}  // namespace mailhaul
