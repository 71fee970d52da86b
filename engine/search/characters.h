// What a character is to a search, by Unicode's tables (GLib's).
#pragma once

#include <cstdint>

namespace mailhaul::search {

enum class CharacterKind : uint8_t {
  kSeparator,
  kIgnored,  // Neither a part of a word nor its end: invisible, or a diacritic that is folded away.
  kWord,     // A part of a word.
  kUnspaced,  // Of a script that does not separate words.
  kHangul,    // The same, but its line breaks do separate words.
  kSymbol,    // A word by itself.
};

struct Character {
  CharacterKind kind = CharacterKind::kSeparator;
  char32_t folded = 0;  // Without its diacritics.
};

// Of a code point in composed normal form, with its case folded.
Character Classify(char32_t point);

// The second letter that the folded form of `point` has; 0 for nearly all.
char32_t SecondLetter(char32_t point);

}  // namespace mailhaul::search
