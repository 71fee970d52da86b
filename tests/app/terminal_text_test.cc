// Text from outside on a terminal: nothing steers it, and widths are what is seen.
#include "engine/app/terminal_text.h"

#include <gtest/gtest.h>

namespace mailhaul::app {
namespace {

std::string Safe(std::string_view text, size_t columns = 80) {
  return TerminalText(text, columns, true);
}

TEST(TerminalTextTest, PlainTextStaysAsItIs) {
  EXPECT_EQ(Safe("alice@acme.example: no \\ route~"), "alice@acme.example: no \\ route~");
  EXPECT_EQ(Safe("Entwürfe/受信箱"), "Entwürfe/受信箱");
  EXPECT_EQ(Safe(""), "");
}

TEST(TerminalTextTest, ControlCharactersOfEveryKindAreReplaced) {
  EXPECT_EQ(Safe("a\x1b[2Jb"), "a?[2Jb");
  EXPECT_EQ(Safe("a\r\n\tb\x7f"), "a???b?");
  EXPECT_EQ(Safe(std::string_view("a\0b", 3)), "a?b");
  EXPECT_EQ(Safe("\xC2\x9B"
                 "31m"),
            "?31m");  // U+009B, CSI.
  EXPECT_EQ(Safe("\x9B"
                 "31m"),
            "?31m");  // The same in Latin-1.
  EXPECT_EQ(Safe("\xC0\x9B"
                 "31m"),
            "??31m");  // The same, overlong.
}

TEST(TerminalTextTest, EveryByteValueAndEveryPairOfThemIsHarmless) {
  for (int first = 0; first < 256; ++first) {
    for (int second = 0; second < 256; ++second) {
      const std::string text = {static_cast<char>(first), static_cast<char>(second)};
      for (const bool unicode : {false, true}) {
        const std::string shown = TerminalText(text, 8, unicode);
        for (size_t i = 0; i < shown.size(); ++i) {
          const auto byte = static_cast<unsigned char>(shown[i]);
          ASSERT_TRUE(byte >= 0x20 && byte != 0x7F) << first << " " << second;
          ASSERT_FALSE(byte == 0xC2 && static_cast<unsigned char>(shown[i + 1]) < 0xA0);
          ASSERT_TRUE(unicode || byte < 0x80);
        }
        ASSERT_LE(TerminalWidth(shown), 2U);
      }
    }
  }
}

TEST(TerminalTextTest, NothingTurnsTheDirectionOrHides) {
  EXPECT_EQ(Safe("a\u202Eb\u2066c\u200Bd\uFEFFe\u00ADf\U000E0041g"), "abcdefg");
}

TEST(TerminalTextTest, MarksDoNotPileUp) {
  std::string piled = "o";
  for (int i = 0; i < 1000; ++i) {
    piled += "\u0301";
  }
  EXPECT_EQ(Safe(piled + "k"), "o\u0301\u0301k");
  EXPECT_EQ(Safe("\u0301x"), "x");  // It would join what stands before the text.
}

TEST(TerminalTextTest, WideCharactersTakeTwoColumns) {
  EXPECT_EQ(TerminalWidth("受信"), 4U);
  EXPECT_EQ(Safe("受信箱", 6), "受信箱");
  EXPECT_EQ(Safe("受信箱", 5), "受信…");
  EXPECT_EQ(Safe("受信箱", 4), "受…");  // Half a character cannot be shown.
}

TEST(TerminalTextTest, CutsToTheColumns) {
  EXPECT_EQ(Safe("abcdef", 6), "abcdef");
  EXPECT_EQ(Safe("abcdef", 5), "abcd…");
  EXPECT_EQ(Safe("abcdef", 1), "…");
  EXPECT_EQ(Safe("abcdef", 0), "");
  EXPECT_EQ(TerminalText("abcdef", 5, false), "abcd~");
  EXPECT_EQ(TerminalText("für", 5, false), "f?r");
}

}  // namespace
}  // namespace mailhaul::app
