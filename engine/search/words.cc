#include "engine/search/words.h"

#include <glib.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "base/text.h"
#include "engine/search/characters.h"

namespace mailhaul::search {
namespace {

// Normalised at once; where a longer stretch is cut makes no difference but to a composed form.
constexpr size_t kStretchBytesMax = 4096;

struct FreeText {
  void operator()(gchar* text) const { g_free(text); }
};
using GText = std::unique_ptr<gchar, FreeText>;

bool IsAscii(char c) { return static_cast<unsigned char>(c) < 0x80; }
bool IsAsciiWord(char c) {
  const char lower = AsciiLower(c);
  return (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9');
}

void AppendPoint(std::string& out, char32_t point) {
  char bytes[6];
  out.append(bytes, static_cast<size_t>(g_unichar_to_utf8(point, bytes)));
}

// Puts words together, character by character.
class Splitter final {
 public:
  explicit Splitter(WordSink& sink) : sink_(sink) {}

  void Text(std::string_view text) {
    while (!text.empty()) {
      if (IsAscii(text.front())) {
        Ascii(text.front());
        text.remove_prefix(1);
        continue;
      }
      const std::string_view stretch = StretchOf(text);
      Points(stretch);
      text.remove_prefix(stretch.size());
    }
    EndWord();
    EndRun();
  }

 private:
  // From a character beyond ASCII to the next separator within it.
  static std::string_view StretchOf(std::string_view text) {
    size_t size = 0;
    while (size < text.size() && (!IsAscii(text[size]) || IsAsciiWord(text[size]))) {
      ++size;
    }
    return size <= kStretchBytesMax ? text.substr(0, size) : Utf8Prefix(text, kStretchBytesMax);
  }

  void Ascii(char c) {
    if (IsAsciiWord(c)) {
      Letter(static_cast<unsigned char>(AsciiLower(c)));
    } else {
      Separate(static_cast<unsigned char>(c));
    }
  }

  void Points(std::string_view stretch) {
    const GText composed(
        g_utf8_normalize(stretch.data(), static_cast<gssize>(stretch.size()), G_NORMALIZE_NFKC));
    if (composed == nullptr) {
      return;
    }
    const GText folded(g_utf8_casefold(composed.get(), -1));
    for (gchar* next = folded.get(); *next != '\0'; next = g_utf8_next_char(next)) {
      Point(g_utf8_get_char(next));
    }
  }

  void Point(char32_t point) {
    if (point < 0x80) {
      Ascii(static_cast<char>(point));
      return;
    }
    const Character character = Classify(point);
    switch (character.kind) {
      case CharacterKind::kSeparator:
        Separate(point);
        return;
      case CharacterKind::kIgnored:
        return;
      case CharacterKind::kWord:
        Letter(character.folded);
        if (const char32_t second = SecondLetter(point); second != 0) {
          Letter(second);
        }
        return;
      case CharacterKind::kUnspaced:
      case CharacterKind::kHangul:
        RunCharacter(character.folded, character.kind == CharacterKind::kHangul);
        return;
      case CharacterKind::kSymbol:
        EndWord();
        EndRun();
        Letter(point);
        EndWord();
        return;
    }
  }

  void Letter(char32_t point) {
    EndRun();
    // All of one character or nothing: a cut word is still UTF-8.
    if (word_.size() + 4 <= kWordBytesMax) {
      AppendPoint(word_, point);
    }
  }

  void RunCharacter(char32_t point, bool is_hangul) {
    EndWord();
    if (last_ != 0 && line_ended_ && (is_hangul || last_is_hangul_)) {
      EndRun();
    }
    if (last_ != 0) {
      sink_.OnPair(last_, point);
    }
    last_ = point;
    last_is_hangul_ = is_hangul;
    line_ended_ = false;
  }

  // Mail in these scripts is broken into lines within words.
  void Separate(char32_t point) {
    EndWord();
    if (point == '\r' && last_ != 0) {
      return;
    }
    if (point == '\n' && last_ != 0 && !line_ended_) {
      line_ended_ = true;
      return;
    }
    EndRun();
  }

  void EndWord() {
    if (!word_.empty()) {
      sink_.OnWord(word_);
      word_.clear();
    }
  }

  void EndRun() {
    if (last_ != 0) {
      sink_.OnRunEnd(last_);
      last_ = 0;
      line_ended_ = false;
    }
  }

  WordSink& sink_;
  std::string word_;
  char32_t last_ = 0;  // Of the run being read; 0: none is.
  bool last_is_hangul_ = false;
  bool line_ended_ = false;  // Behind last_.
};

// One phrase for each word and each run.
class QueryPhrases final : public WordSink {
 public:
  void OnWord(std::string_view word) override { phrases_.emplace_back(word); }
  void OnPair(char32_t first, char32_t second) override {
    if (!run_.empty()) {
      run_.push_back(' ');
    }
    AppendPoint(run_, first);
    AppendPoint(run_, second);
  }
  void OnRunEnd(char32_t last) override {
    if (run_.empty()) {
      AppendPoint(run_, last);
    }
    phrases_.push_back(std::move(run_));
    run_.clear();
  }
  // Each once.
  std::vector<std::string> Take() {
    std::sort(phrases_.begin(), phrases_.end());
    phrases_.erase(std::unique(phrases_.begin(), phrases_.end()), phrases_.end());
    return std::move(phrases_);
  }

 private:
  std::vector<std::string> phrases_;
  std::string run_;
};

}  // namespace

void SplitText(std::string_view text, WordSink& sink) {
  if (IsValidUtf8(text)) {
    Splitter(sink).Text(text);
  } else {
    const std::string valid = ToValidUtf8(text);
    Splitter(sink).Text(valid);
  }
}

void WordList::OnWord(std::string_view word) {
  if (tokens_.size() + word.size() < bytes_max_) {
    tokens_ += word;
    tokens_ += ' ';
  }
}

void WordList::OnPair(char32_t first, char32_t second) {
  std::string pair;
  AppendPoint(pair, first);
  AppendPoint(pair, second);
  OnWord(pair);
  characters_.insert(first);
}

// It stands by itself, so that the pairs of two runs are no phrase.
void WordList::OnRunEnd(char32_t last) {
  std::string character;
  AppendPoint(character, last);
  OnWord(character);
}

std::string WordList::Finish() {
  for (const char32_t character : characters_) {
    OnRunEnd(character);
  }
  return std::move(tokens_);
}

Result<std::string> MatchExpression(std::string_view text) {
  if (text.size() > kQueryBytesMax) {
    return Status(Code::kInvalidArgument,
                  "text must be at most " + std::to_string(kQueryBytesMax) + " bytes");
  }
  QueryPhrases phrases;
  SplitText(text, phrases);
  const std::vector<std::string> wanted = phrases.Take();
  if (wanted.empty() || wanted.size() > kQueryWordsMax) {
    return Status(Code::kInvalidArgument,
                  "text must be 1 to " + std::to_string(kQueryWordsMax) + " words");
  }
  std::string expression;
  for (const std::string& phrase : wanted) {
    expression += expression.empty() ? "\"" : " AND \"";
    expression += phrase;
    expression += '"';
  }
  return expression;
}

}  // namespace mailhaul::search
