// Text as the words that a search compares: case and diacritics folded, in every script.
//
// - Words of letters, marks and digits are taken whole, at most kWordBytesMax of them. Unicode's
//   compatibility forms are one with what they stand for; digits of any script are ASCII digits.
// - Scripts that do not put spaces between words (Chinese, Japanese, Korean, Thai, Lao, Khmer,
//   Burmese) are taken as pairs of neighbouring characters, so that any part of a run is found as
//   the phrase of its pairs, and each character by itself. (Korean has spaces, but its particles
//   hang on the words.) README.md has the measurement against FTS5's trigrams.
// - An emoji is a word. Everything else separates.
//
// Vowel signs of Indic scripts are kept, since another sign is another word; so is the Cyrillic
// short i, a letter of its own. Input that is not UTF-8 is read with U+FFFD for what is not.
#pragma once

#include <cstddef>
#include <set>
#include <string>
#include <string_view>

#include "base/result.h"

namespace mailhaul::search {

// Of one word, folded; the rest of a longer one does not count.
inline constexpr size_t kWordBytesMax = 128;
// What a user asks for.
inline constexpr size_t kQueryBytesMax = 1000;
inline constexpr size_t kQueryWordsMax = 32;

// Receives what SplitText() finds, in order.
class WordSink {
 public:
  virtual ~WordSink() = default;
  virtual void OnWord(std::string_view word) = 0;
  // Neighbours in a run of a script without spaces.
  virtual void OnPair(char32_t first, char32_t second) = 0;
  // The last character of such a run.
  virtual void OnRunEnd(char32_t last) = 0;
};
void SplitText(std::string_view text, WordSink& sink);

// Builds the text that is given to FTS5 for one message: tokens with spaces between them, none of
// which holds anything but letters, marks, digits and emoji.
class WordList final : private WordSink {
 public:
  // Tokens beyond `bytes_max` of text are left out.
  explicit WordList(size_t bytes_max) : bytes_max_(bytes_max) {}

  void Add(std::string_view text) { SplitText(text, *this); }
  // As it is: a token that no text has in it.
  void AddLiteral(std::string_view token) { OnWord(token); }
  bool full() const { return tokens_.size() >= bytes_max_; }
  // Call once.
  std::string Finish();

 private:
  void OnWord(std::string_view word) override;
  void OnPair(char32_t first, char32_t second) override;
  void OnRunEnd(char32_t last) override;

  const size_t bytes_max_;
  std::string tokens_;
  std::set<char32_t> characters_;  // Of runs.
};

// What a user typed as an FTS5 expression that all of it must match. Nothing in `text` is syntax:
// quotes and operators only separate words. kInvalidArgument, for people: too long, or no words.
Result<std::string> MatchExpression(std::string_view text);

}  // namespace mailhaul::search
