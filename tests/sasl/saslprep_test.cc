#include "connectors/sasl/saslprep.h"

#include <glib.h>
#include <gtest/gtest.h>

#include <string>

namespace mailhaul::sasl {
namespace {

std::string Utf8(gunichar code_point) {
  char bytes[6];
  return {bytes, static_cast<size_t>(g_unichar_to_utf8(code_point, bytes))};
}

std::string Nfkc(const std::string& text) {
  gchar* const normalized =
      g_utf8_normalize(text.data(), static_cast<gssize>(text.size()), G_NORMALIZE_NFKC);
  const std::string result(normalized);
  g_free(normalized);
  return result;
}

TEST(SaslPrepTest, TakesWhatItIsSureOf) {
  for (const char* text :
       {"", "pencil", "Tr0ub4dor&3 ~", "p\u00E4ssw\u00F6rt", "\u043F\u0430\u0440", "\u03B1\u03B2",
        "\u5BC6\u7801", "\uBE44\uBC00", "\u3072\u307F", "1 \u20AC"}) {
    EXPECT_TRUE(IsSaslPrepared(text)) << text;
  }
}

TEST(SaslPrepTest, RefusesTheExamplesThatWouldChangeOrAreProhibited) {
  for (const char* text : {"I\u00ADX", "\u00AA", "\u2168", "\x07", "\u0627\u0031", "a\u0308",
                           "\u00A0", "\u200B", "tab\t", "\x7F", "\uFB01", "\U0001F600"}) {
    EXPECT_FALSE(IsSaslPrepared(text)) << text;
  }
  for (const char* text : {"\x80", "\xC3", "\xED\xA0\x80", "\xFF", "a\xC0\x80"}) {
    EXPECT_FALSE(IsSaslPrepared(text));
  }
  EXPECT_FALSE(IsSaslPrepared(std::string_view("a\0b", 3)));
}

// Exhaustive: nothing that is taken changes under NFKC, alone or after a letter, is unassigned or
// a control character, or is written from right to left.
TEST(SaslPrepTest, WhatIsTakenIsNormalised) {
  size_t taken = 0;
  for (gunichar code_point = 1; code_point <= 0x10FFFF; ++code_point) {
    if (code_point >= 0xD800 && code_point <= 0xDFFF) {
      continue;
    }
    const std::string text = Utf8(code_point);
    if (!IsSaslPrepared(text)) {
      continue;
    }
    ++taken;
    ASSERT_EQ(Nfkc(text), text) << code_point;
    ASSERT_EQ(Nfkc("a" + text), "a" + text) << code_point;
    ASSERT_EQ(g_unichar_combining_class(code_point), 0) << code_point;
    ASSERT_TRUE(g_unichar_isprint(code_point)) << code_point;
    const GUnicodeScript script = g_unichar_get_script(code_point);
    ASSERT_TRUE(script != G_UNICODE_SCRIPT_HEBREW && script != G_UNICODE_SCRIPT_ARABIC);
  }
  EXPECT_GT(taken, 30'000U);
}

}  // namespace
}  // namespace mailhaul::sasl
