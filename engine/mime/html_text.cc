#include "engine/mime/html_text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>

#include "base/text.h"

namespace mailhaul::mime {
namespace {

constexpr size_t kEntityBytesMax = 12;
constexpr size_t kTagNameBytesMax = 16;

struct Entity {
  std::string_view name;
  uint32_t code;
};
constexpr std::array<Entity, 42> kEntities = {
    {{"amp", '&'},      {"lt", '<'},       {"gt", '>'},       {"quot", '"'},      {"apos", '\''},
     {"nbsp", 0xA0},    {"auml", 0xE4},    {"ouml", 0xF6},    {"uuml", 0xFC},     {"Auml", 0xC4},
     {"Ouml", 0xD6},    {"Uuml", 0xDC},    {"szlig", 0xDF},   {"eacute", 0xE9},   {"egrave", 0xE8},
     {"ecirc", 0xEA},   {"agrave", 0xE0},  {"aacute", 0xE1},  {"acirc", 0xE2},    {"ccedil", 0xE7},
     {"ntilde", 0xF1},  {"oacute", 0xF3},  {"uacute", 0xFA},  {"iacute", 0xED},   {"copy", 0xA9},
     {"reg", 0xAE},     {"trade", 0x2122}, {"euro", 0x20AC},  {"pound", 0xA3},    {"sect", 0xA7},
     {"deg", 0xB0},     {"middot", 0xB7},  {"bull", 0x2022},  {"hellip", 0x2026}, {"ndash", 0x2013},
     {"mdash", 0x2014}, {"lsquo", 0x2018}, {"rsquo", 0x2019}, {"ldquo", 0x201C},  {"rdquo", 0x201D},
     {"laquo", 0xAB},   {"raquo", 0xBB}}};

// Their text is not for readers.
constexpr std::array<std::string_view, 5> kHidden = {"script", "style", "title", "template", "svg"};
constexpr std::array<std::string_view, 24> kBlocks = {
    "address", "article", "blockquote", "br", "center", "dd",    "div", "dl",
    "dt",      "footer",  "form",       "h1", "h2",     "h3",    "h4",  "header",
    "hr",      "li",      "ol",         "p",  "pre",    "table", "tr",  "ul"};

template <typename List>
bool Contains(const List& list, std::string_view word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

bool IsSpace(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
bool IsLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

void AppendUtf8(uint32_t code, std::string& text) {
  if (code == 0 || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) {
    code = 0xFFFD;
  }
  const auto byte = [](uint32_t value) { return static_cast<char>(value); };
  if (code < 0x80) {
    text += byte(code);
  } else if (code < 0x800) {
    text += {byte(0xC0 | code >> 6), byte(0x80 | (code & 0x3F))};
  } else if (code < 0x10000) {
    text += {byte(0xE0 | code >> 12), byte(0x80 | (code >> 6 & 0x3F)), byte(0x80 | (code & 0x3F))};
  } else {
    text += {byte(0xF0 | code >> 18), byte(0x80 | (code >> 12 & 0x3F)),
             byte(0x80 | (code >> 6 & 0x3F)), byte(0x80 | (code & 0x3F))};
  }
}

// The code point "&name;" stands for, 0 when it is no reference we know.
uint32_t EntityCode(std::string_view name) {
  if (!name.starts_with('#')) {
    const auto found = std::find_if(kEntities.begin(), kEntities.end(),
                                    [&](const Entity& entity) { return entity.name == name; });
    return found == kEntities.end() ? 0 : found->code;
  }
  const bool is_hex = name.size() > 2 && AsciiLower(name[1]) == 'x';
  name.remove_prefix(is_hex ? 2 : 1);
  uint32_t code = 0;
  const auto [end, error] =
      std::from_chars(name.data(), name.data() + name.size(), code, is_hex ? 16 : 10);
  return error == std::errc() && end == name.data() + name.size() ? code : 0;
}

class Converter final {
 public:
  Converter(std::string_view html, size_t bytes_max) : html_(html), bytes_max_(bytes_max) {}

  std::string Convert() {
    while (at_ < html_.size() && text_.size() < bytes_max_) {
      const char c = html_[at_];
      if (c == '<' && StartsMarkup()) {
        SkipMarkup();
      } else if (c == '&') {
        TakeReference();
      } else if (IsSpace(c)) {
        space_ = true;
        ++at_;
      } else {
        TakeRun();
      }
    }
    return std::string(Utf8Prefix(text_, bytes_max_));
  }

 private:
  bool StartsMarkup() const {
    if (at_ + 1 >= html_.size()) {
      return false;
    }
    const char next = html_[at_ + 1];
    return IsLetter(next) || next == '/' || next == '!' || next == '?';
  }

  void SkipMarkup() {
    if (html_.substr(at_, 4) == "<!--") {
      SkipBehind("-->");
      return;
    }
    ++at_;
    const bool closes = html_[at_] == '/';
    at_ += closes ? 1 : 0;
    std::string name;
    while (at_ < html_.size() && name.size() < kTagNameBytesMax &&
           (IsLetter(html_[at_]) || (html_[at_] >= '1' && html_[at_] <= '6'))) {
      name.push_back(AsciiLower(html_[at_++]));
    }
    SkipAttributes();
    if (!closes && Contains(kHidden, name)) {
      SkipHidden(name);
    } else if (Contains(kBlocks, name)) {
      line_ = true;
    } else if (name == "td" || name == "th") {
      space_ = true;
    }
  }

  // To behind the ">" that ends the tag; one in a quoted value does not.
  void SkipAttributes() {
    char quote = 0;
    for (char before = 0; at_ < html_.size(); ++at_) {
      const char c = html_[at_];
      if (quote != 0) {
        quote = c == quote ? '\0' : quote;
      } else if (c == '>') {
        ++at_;
        return;
      } else if ((c == '"' || c == '\'') && before == '=') {
        quote = c;
      }
      before = IsSpace(c) ? before : c;
    }
  }

  void SkipHidden(const std::string& name) {
    while (at_ < html_.size()) {
      SkipBehind("</");
      if (StartsWithIgnoreCase(html_.substr(at_, name.size()), name)) {
        SkipAttributes();
        return;
      }
    }
  }

  void SkipBehind(std::string_view end) {
    const size_t found = html_.find(end, at_);
    at_ = found == std::string_view::npos ? html_.size() : found + end.size();
  }

  void TakeReference() {
    const std::string_view ahead = html_.substr(at_ + 1, kEntityBytesMax);
    const size_t end = ahead.find(';');
    const uint32_t code = end == std::string_view::npos ? 0 : EntityCode(ahead.substr(0, end));
    if (code == 0) {
      FlushSpace();
      text_.push_back('&');
      ++at_;
      return;
    }
    at_ += end + 2;
    if (code == 0xA0 || code <= ' ') {
      space_ = true;
    } else {
      FlushSpace();
      AppendUtf8(code, text_);
    }
  }

  void TakeRun() {
    FlushSpace();
    const size_t begin = at_++;
    while (at_ < html_.size() && html_[at_] != '<' && html_[at_] != '&' && !IsSpace(html_[at_]) &&
           at_ - begin <= bytes_max_) {
      ++at_;
    }
    text_ += html_.substr(begin, at_ - begin);
  }

  void FlushSpace() {
    if (!text_.empty() && (line_ || space_)) {
      text_.push_back(line_ ? '\n' : ' ');
    }
    line_ = false;
    space_ = false;
  }

  const std::string_view html_;
  const size_t bytes_max_;
  size_t at_ = 0;
  bool space_ = false;  // White space is due before the next character,
  bool line_ = false;   // a line end.
  std::string text_;
};

}  // namespace

std::string HtmlToText(std::string_view html, size_t bytes_max) {
  return Converter(html, bytes_max).Convert();
}

}  // namespace mailhaul::mime
