#include "engine/search/characters.h"

#include <glib.h>

#include <array>
#include <memory>

namespace mailhaul::search {
namespace {

constexpr char32_t kTableSize = 0x10000;

// Letters with a stroke and the like, which Unicode does not decompose.
struct Fold {
  char32_t from;
  char32_t to;
  char32_t second;
};
constexpr std::array<Fold, 10> kFolds = {{
    {U'\u00E6', U'a', U'e'},  // ae
    {U'\u00F8', U'o', 0},     // o with stroke
    {U'\u0111', U'd', 0},     // d with stroke
    {U'\u0127', U'h', 0},     // h with stroke
    {U'\u0131', U'i', 0},     // dotless i
    {U'\u0142', U'l', 0},     // l with stroke
    {U'\u0153', U'o', U'e'},  // oe
    {U'\u0167', U't', 0},     // t with stroke
    {U'\u0450', U'\u0435', 0},
    {U'\u0451', U'\u0435', 0},  // Cyrillic io
}};

constexpr char32_t kTatweel = U'\u0640';             // Arabic: lengthens a word, is no letter.
constexpr char32_t kProlongedSoundMark = U'\u30FC';  // Of kana, but in no script.

bool IsEmoji(char32_t point) {
  return (point >= 0x1F000 && point <= 0x1FAFF) || (point >= 0x2600 && point <= 0x27BF);
}

CharacterKind KindOfRun(GUnicodeScript script) {
  switch (script) {
    case G_UNICODE_SCRIPT_HAN:
    case G_UNICODE_SCRIPT_HIRAGANA:
    case G_UNICODE_SCRIPT_KATAKANA:
    case G_UNICODE_SCRIPT_BOPOMOFO:
    case G_UNICODE_SCRIPT_YI:
    case G_UNICODE_SCRIPT_THAI:
    case G_UNICODE_SCRIPT_LAO:
    case G_UNICODE_SCRIPT_KHMER:
    case G_UNICODE_SCRIPT_MYANMAR:
      return CharacterKind::kUnspaced;
    case G_UNICODE_SCRIPT_HANGUL:
      return CharacterKind::kHangul;
    default:
      return CharacterKind::kWord;
  }
}

// Scripts whose marks may be left out of what is written: the others' marks make another word.
bool FoldsMarks(GUnicodeScript script) {
  switch (script) {
    case G_UNICODE_SCRIPT_LATIN:
    case G_UNICODE_SCRIPT_GREEK:
    case G_UNICODE_SCRIPT_CYRILLIC:
    case G_UNICODE_SCRIPT_ARABIC:
    case G_UNICODE_SCRIPT_HEBREW:
    case G_UNICODE_SCRIPT_SYRIAC:
    case G_UNICODE_SCRIPT_COMMON:
    case G_UNICODE_SCRIPT_INHERITED:
      return true;
    default:
      return false;
  }
}

// The letter without its marks.
char32_t FoldLetter(char32_t point, GUnicodeScript script) {
  for (const Fold& fold : kFolds) {
    if (fold.from == point) {
      return fold.to;
    }
  }
  // A Cyrillic letter with a breve or diaeresis is another letter.
  if (!FoldsMarks(script) || script == G_UNICODE_SCRIPT_CYRILLIC) {
    return point;
  }
  std::array<gunichar, G_UNICHAR_MAX_DECOMPOSITION_LENGTH> parts{};
  const gsize count = g_unichar_fully_decompose(point, FALSE, parts.data(), parts.size());
  return count > 0 && g_unichar_ismark(parts.front()) == FALSE ? parts.front() : point;
}

Character Letter(char32_t point, GUnicodeScript script) {
  return {.kind = point == kProlongedSoundMark ? CharacterKind::kUnspaced : KindOfRun(script),
          .folded = FoldLetter(point, script)};
}

Character Compute(char32_t point) {
  const GUnicodeScript script = g_unichar_get_script(point);
  switch (g_unichar_type(point)) {
    case G_UNICODE_FORMAT:
      return {.kind = CharacterKind::kIgnored, .folded = point};
    case G_UNICODE_NON_SPACING_MARK:
    case G_UNICODE_ENCLOSING_MARK:
    case G_UNICODE_SPACING_MARK:
      return {.kind = FoldsMarks(script) ? CharacterKind::kIgnored : KindOfRun(script),
              .folded = point};
    case G_UNICODE_DECIMAL_NUMBER:
      return {.kind = CharacterKind::kWord,
              .folded = U'0' + static_cast<char32_t>(g_unichar_digit_value(point))};
    case G_UNICODE_LOWERCASE_LETTER:
    case G_UNICODE_UPPERCASE_LETTER:
    case G_UNICODE_TITLECASE_LETTER:
    case G_UNICODE_MODIFIER_LETTER:
    case G_UNICODE_OTHER_LETTER:
    case G_UNICODE_LETTER_NUMBER:
    case G_UNICODE_OTHER_NUMBER:
      if (point == kTatweel) {
        return {.kind = CharacterKind::kIgnored, .folded = point};
      }
      return Letter(point, script);
    case G_UNICODE_PRIVATE_USE:
    case G_UNICODE_UNASSIGNED:  // By these tables: newer scripts.
      return {.kind = CharacterKind::kWord, .folded = point};
    default:
      return {.kind = IsEmoji(point) && g_unichar_type(point) == G_UNICODE_OTHER_SYMBOL
                          ? CharacterKind::kSymbol
                          : CharacterKind::kSeparator,
              .folded = point};
  }
}

}  // namespace

Character Classify(char32_t point) {
  static const auto table = [] {
    auto filled = std::make_unique<std::array<Character, kTableSize>>();
    for (char32_t each = 0; each < kTableSize; ++each) {
      (*filled)[each] = Compute(each);
    }
    return filled;
  }();
  return point < kTableSize ? (*table)[point] : Compute(point);
}

char32_t SecondLetter(char32_t point) {
  for (const Fold& fold : kFolds) {
    if (fold.from == point) {
      return fold.second;
    }
  }
  return 0;
}

}  // namespace mailhaul::search
