#include "engine/search/words.h"

#include <gtest/gtest.h>

#include <sstream>
#include <string>
#include <vector>

#include "base/text.h"

namespace mailhaul::search {
namespace {

using Tokens = std::vector<std::string>;

Tokens TokensOf(std::string_view text) {
  WordList list(size_t{1} << 20);
  list.Add(text);
  std::istringstream in(list.Finish());
  Tokens tokens;
  for (std::string token; in >> token;) {
    tokens.push_back(token);
  }
  return tokens;
}

std::string Expression(std::string_view text) {
  const Result<std::string> expression = MatchExpression(text);
  return expression.ok() ? *expression : expression.status().ToString();
}

TEST(WordsTest, LatinIsFoldedByCaseAndDiacritics) {
  EXPECT_EQ(TokensOf("Crème BRÛLÉE, naïve?"), (Tokens{"creme", "brulee", "naive"}));
  EXPECT_EQ(TokensOf("Straße Łódź Ørsted Æther Đorđe İstanbul ıssız"),
            (Tokens{"strasse", "lodz", "orsted", "aether", "dorde", "istanbul", "issiz"}));
  EXPECT_EQ(TokensOf("Tiếng Việt"), (Tokens{"tieng", "viet"}));
  // Decomposed as macOS names files, and composed.
  EXPECT_EQ(TokensOf("u\u0308ber"), TokensOf("\u00FCber"));
}

TEST(WordsTest, OtherAlphabetsAreFoldedToo) {
  EXPECT_EQ(TokensOf("ПРИВЕТ Ёлка мой"), (Tokens{"привет", "елка", "мой"}));
  EXPECT_EQ(TokensOf("за\u0301мок"), (Tokens{"замок"}));  // With its stress marked.
  EXPECT_EQ(TokensOf("ΟΔΥΣΣΕΎΣ Άνθρωπος"), (Tokens{"οδυσσευσ", "ανθρωποσ"}));
  EXPECT_EQ(TokensOf("Օրինակ"), (Tokens{"օրինակ"}));
}

TEST(WordsTest, ArabicAndHebrewLoseTheirPoints) {
  EXPECT_EQ(TokensOf("كِتَابٌ"), (Tokens{"كتاب"}));
  EXPECT_EQ(TokensOf("أحمد إلى آخر"), (Tokens{"احمد", "الى", "اخر"}));
  EXPECT_EQ(TokensOf("كتـــاب"), (Tokens{"كتاب"}));
  EXPECT_EQ(TokensOf("שָׁלוֹם"), (Tokens{"שלום"}));
}

TEST(WordsTest, IndicWordsKeepTheirVowelSigns) {
  EXPECT_EQ(TokensOf("हिन्दी भाषा"), (Tokens{"हिन्दी", "भाषा"}));
  EXPECT_NE(TokensOf("किताब"), TokensOf("कताब"));
}

TEST(WordsTest, ScriptsWithoutSpacesBecomePairsAndCharacters) {
  EXPECT_EQ(TokensOf("日本語"), (Tokens{"日本", "本語", "語", "日", "本"}));
  EXPECT_EQ(TokensOf("字"), (Tokens{"字"}));
  EXPECT_EQ(TokensOf("データ"), (Tokens{"デー", "ータ", "タ", "デ", "ー"}));
  EXPECT_EQ(TokensOf("ﾃﾞｰﾀ"), TokensOf("データ"));  // Half width.
  EXPECT_EQ(TokensOf("안녕"), (Tokens{"안녕", "녕", "안"}));
  EXPECT_EQ(TokensOf("\u1112\u1161\u11AB"), (Tokens{"한"}));  // In its letters.
  EXPECT_EQ(TokensOf("กา"), (Tokens{"กา", "า", "ก"}));
  EXPECT_EQ(TokensOf("第3回GO会"), (Tokens{"第", "3", "回", "go", "会"}));
}

TEST(WordsTest, ALineBreakIsNoWordBreakWhereThereAreNoSpaces) {
  EXPECT_EQ(TokensOf("日本\r\n語"), TokensOf("日本語"));
  EXPECT_NE(TokensOf("日本\n\n語"), TokensOf("日本語"));
  EXPECT_NE(TokensOf("日本 語"), TokensOf("日本語"));
  EXPECT_NE(TokensOf("안녕\n하"), TokensOf("안녕하"));
  EXPECT_EQ(TokensOf("ab\ncd"), (Tokens{"ab", "cd"}));
}

TEST(WordsTest, DigitsAndCompatibilityFormsAreOne) {
  EXPECT_EQ(TokensOf("２０２４ ٢٠٢٤ ＡＢＣ ﬁn x²"), (Tokens{"2024", "2024", "abc", "fin", "x2"}));
}

TEST(WordsTest, AnEmojiIsAWord) {
  EXPECT_EQ(TokensOf("party🎉🎉time ❤\uFE0F"), (Tokens{"party", "🎉", "🎉", "time", "❤"}));
  EXPECT_EQ(TokensOf("👍\U0001F3FD"), (Tokens{"👍"}));  // Whatever its skin.
  EXPECT_EQ(TokensOf("─── ● © →"), Tokens());
}

TEST(WordsTest, InvisibleCharactersDoNotCutWords) {
  EXPECT_EQ(TokensOf("un\u00ADsub\u200Bscribe\uFEFF"), (Tokens{"unsubscribe"}));
}

TEST(WordsTest, WhatIsNotUtf8OrTextSeparates) {
  EXPECT_EQ(TokensOf(std::string_view("a\0b\xFFz\xC3", 6)), (Tokens{"a", "b", "z"}));
  EXPECT_EQ(TokensOf("a_b.c@d-e'f"), (Tokens{"a", "b", "c", "d", "e", "f"}));
  EXPECT_EQ(TokensOf(""), Tokens());
}

TEST(WordsTest, LongWordsAreCutBetweenCharacters) {
  const Tokens ascii = TokensOf(std::string(1'000'000, 'x') + " y");
  ASSERT_EQ(ascii.size(), 2U);
  EXPECT_EQ(ascii.front().size(), kWordBytesMax - 3);
  std::string long_word;
  for (int i = 0; i < 100'000; ++i) {
    long_word += "ж";
  }
  const Tokens cyrillic = TokensOf(long_word);
  ASSERT_EQ(cyrillic.size(), 1U);
  EXPECT_TRUE(IsValidUtf8(cyrillic.front()));
  EXPECT_LE(cyrillic.front().size(), kWordBytesMax);
}

TEST(WordsTest, AListIsBounded) {
  WordList list(100);
  for (int i = 0; i < 1000; ++i) {
    list.Add("word" + std::to_string(i) + " 日本");
  }
  EXPECT_LE(list.Finish().size(), 100U);
}

TEST(WordsTest, FoldingTwiceChangesNothing) {
  for (const std::string_view text :
       {"Crème Łódź ŒUVRE", "Ёлка ΟΔΥΣΣΕΎΣ", "كِتَابٌ", "हिन्दी", "２０２４"}) {
    const Tokens once = TokensOf(text);
    std::string joined;
    for (const std::string& token : once) {
      joined += token + " ";
    }
    EXPECT_EQ(TokensOf(joined), once) << text;
  }
}

TEST(MatchExpressionTest, AllWordsMustMatchOnce) {
  EXPECT_EQ(Expression("Zeta alpha ALPHA"), R"("alpha" AND "zeta")");
  EXPECT_EQ(Expression("日本語"), R"("日本 本語")");
  EXPECT_EQ(Expression("字"), R"("字")");
  EXPECT_EQ(Expression("ann@example.com"), R"("ann" AND "com" AND "example")");
}

TEST(MatchExpressionTest, NothingTheUserWritesIsSyntax) {
  EXPECT_EQ(
      Expression(R"("a" OR b* NEAR(c, 2) words:d ^e -f "")"),
      R"("2" AND "a" AND "b" AND "c" AND "d" AND "e" AND "f" AND "near" AND "or" AND "words")");
  EXPECT_EQ(Expression("m_0001000000000001"), R"("0001000000000001" AND "m")");
  EXPECT_EQ(Expression(std::string_view("a\0\"b", 4)), R"("a" AND "b")");
}

TEST(MatchExpressionTest, IsBounded) {
  EXPECT_EQ(MatchExpression("").status().code(), Code::kInvalidArgument);
  EXPECT_EQ(MatchExpression(" \"*\" ").status().code(), Code::kInvalidArgument);
  std::string words;
  for (size_t i = 0; i < kQueryWordsMax; ++i) {
    words += "w" + std::to_string(i) + " ";
  }
  EXPECT_TRUE(MatchExpression(words).ok());
  EXPECT_EQ(MatchExpression(words + "more").status().code(), Code::kInvalidArgument);
  EXPECT_TRUE(MatchExpression(std::string(kQueryBytesMax, 'x')).ok());
  EXPECT_EQ(MatchExpression(std::string(kQueryBytesMax + 1, 'x')).status().code(),
            Code::kInvalidArgument);
}

}  // namespace
}  // namespace mailhaul::search
