#include "engine/app/terminal_text.h"

#include <clocale>
#include <cwchar>
#include <vector>

#include "base/check.h"

namespace mailhaul::app {
namespace {

constexpr size_t kMarksMax = 2;

// The characters' properties of Unicode for this thread, whatever the user's locale is.
class UnicodeLocale final {
 public:
  UnicodeLocale() : before_(uselocale(Shared())) {}
  ~UnicodeLocale() { uselocale(before_); }
  UnicodeLocale(const UnicodeLocale&) = delete;
  UnicodeLocale& operator=(const UnicodeLocale&) = delete;

 private:
  static locale_t Shared() {
    static const locale_t kLocale = newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
    MH_CHECK(kLocale != nullptr);  // Part of glibc itself since 2.35.
    return kLocale;
  }

  const locale_t before_;
};

struct Glyph {
  std::string bytes;
  size_t width = 0;
};

// They reorder or join what stands beside them, and are not seen themselves.
bool IsInvisible(wchar_t c) {
  return c == 0x00AD || c == 0x061C || c == 0x180E || (c >= 0x200B && c <= 0x200F) ||
         (c >= 0x2028 && c <= 0x202E) || (c >= 0x2060 && c <= 0x206F) || c == 0xFEFF ||
         (c >= 0xFFF9 && c <= 0xFFFB) || (c >= 0xE0000 && c <= 0xE0FFF);
}

// Takes the first character off `text`, which is not empty.
Glyph TakeGlyph(std::string_view& text, bool unicode) {
  wchar_t c = 0;
  std::mbstate_t state{};
  const size_t length = std::mbrtowc(&c, text.data(), text.size(), &state);
  const bool malformed = length == 0 || length > text.size();  // -1 and -2 are larger.
  const std::string_view bytes = text.substr(0, malformed ? 1 : length);
  text.remove_prefix(bytes.size());
  if (!malformed && IsInvisible(c)) {
    return {};
  }
  const int width = malformed ? -1 : wcwidth(c);
  if (width < 0 || (!unicode && bytes.size() > 1)) {
    return {.bytes = "?", .width = 1};
  }
  return {.bytes = std::string(bytes), .width = static_cast<size_t>(width)};
}

// Marks join the character before them; without one they go.
std::vector<Glyph> Glyphs(std::string_view text, size_t columns, bool unicode) {
  std::vector<Glyph> glyphs;
  size_t marks = 0;
  size_t width = 0;
  while (!text.empty() && width <= columns) {
    Glyph glyph = TakeGlyph(text, unicode);
    if (glyph.width > 0) {
      width += glyph.width;
      glyphs.push_back(std::move(glyph));
      marks = 0;
    } else if (!glyph.bytes.empty() && !glyphs.empty() && marks < kMarksMax) {
      glyphs.back().bytes += glyph.bytes;
      ++marks;
    }
  }
  return glyphs;
}

size_t WidthOf(const std::vector<Glyph>& glyphs) {
  size_t width = 0;
  for (const Glyph& glyph : glyphs) {
    width += glyph.width;
  }
  return width;
}

}  // namespace

std::string TerminalText(std::string_view text, size_t columns, bool unicode) {
  const UnicodeLocale locale;
  std::vector<Glyph> glyphs = Glyphs(text, columns, unicode);
  std::string shown;
  if (WidthOf(glyphs) > columns) {
    const std::string ellipsis = unicode ? "…" : "~";
    while (!glyphs.empty() && WidthOf(glyphs) + 1 > columns) {
      glyphs.pop_back();
    }
    glyphs.push_back({.bytes = columns == 0 ? "" : ellipsis, .width = columns == 0 ? 0U : 1U});
  }
  for (const Glyph& glyph : glyphs) {
    shown += glyph.bytes;
  }
  return shown;
}

size_t TerminalWidth(std::string_view text) {
  const UnicodeLocale locale;
  size_t width = 0;
  while (!text.empty()) {
    width += TakeGlyph(text, true).width;
  }
  return width;
}

}  // namespace mailhaul::app
