#include "connectors/imap/scanner.h"

#include "base/text.h"
#include "connectors/imap/limits.h"

namespace mailhaul::imap {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

bool EndsAtom(char c) {
  return static_cast<unsigned char>(c) <= 0x20 || c == '(' || c == ')' || c == '{' || c == '"' ||
         c == '\x7F';
}

}  // namespace

bool ParseDecimal(std::string_view digits, uint64_t max, uint64_t* value) {
  if (digits.empty()) {
    return false;
  }
  uint64_t number = 0;
  for (const char c : digits) {
    if (!IsDigit(c)) {
      return false;
    }
    const auto digit = static_cast<uint64_t>(c - '0');
    if (digit > max || number > (max - digit) / 10) {
      return false;
    }
    number = number * 10 + digit;
  }
  *value = number;
  return true;
}

LiteralAnnouncement FindLiteralAnnouncement(std::string_view line) {
  LiteralAnnouncement found;
  if (line.empty() || line.back() != '}') {
    return found;
  }
  line.remove_suffix(1);
  if (!line.empty() && line.back() == '+') {
    line.remove_suffix(1);
  }
  const size_t brace = line.find_last_not_of("0123456789");
  if (brace == std::string_view::npos || line[brace] != '{' || brace + 1 == line.size()) {
    return found;
  }
  found.present = true;
  found.valid = ParseDecimal(line.substr(brace + 1), UINT32_MAX, &found.bytes);
  found.offset = brace > 0 && line[brace - 1] == '~' ? brace - 1 : brace;
  return found;
}

template <typename Stop>
std::string_view Scanner::TakeUntil(Stop stop) {
  const size_t begin = position_;
  if (failed_) {
    return {};
  }
  while (position_ < text_.size() && !stop(text_[position_])) {
    ++position_;
  }
  if (position_ == begin) {
    failed_ = true;
  }
  return text_.substr(begin, position_ - begin);
}

bool Scanner::Skip(char c) {
  if (AtEnd() || text_[position_] != c) {
    return false;
  }
  ++position_;
  return true;
}

void Scanner::Expect(char c) {
  if (!Skip(c)) {
    failed_ = true;
  }
}

void Scanner::SkipSpaces() {
  while (Skip(' ')) {
  }
}

bool Scanner::SkipWord(std::string_view word) {
  if (!StartsWithIgnoreCase(rest(), word)) {
    return false;
  }
  position_ += word.size();
  return true;
}

std::string_view Scanner::Atom() { return TakeUntil(EndsAtom); }

std::string_view Scanner::ItemName() {
  return TakeUntil([](char c) { return EndsAtom(c) || c == '[' || c == ']'; });
}

uint32_t Scanner::Number32() {
  uint64_t number = 0;
  if (!ParseDecimal(TakeUntil([](char c) { return !IsDigit(c); }), UINT32_MAX, &number)) {
    failed_ = true;
    return 0;
  }
  return static_cast<uint32_t>(number);
}

uint64_t Scanner::Number64() {
  uint64_t number = 0;
  if (!ParseDecimal(TakeUntil([](char c) { return !IsDigit(c); }), INT64_MAX, &number)) {
    failed_ = true;
    return 0;
  }
  return number;
}

void Scanner::Quoted(std::string* out) {
  Expect('"');
  while (!failed_) {
    const size_t stop = text_.find_first_of("\"\\\r\n", position_);
    if (stop == std::string_view::npos || text_[stop] == '\r' || text_[stop] == '\n') {
      failed_ = true;
      return;
    }
    out->append(text_, position_, stop - position_);
    position_ = stop + 1;
    if (text_[stop] == '"') {
      return;
    }
    // A backslash takes the next character as it is. Some servers escape more than " and \.
    if (AtEnd() || text_[position_] == '\r' || text_[position_] == '\n') {
      failed_ = true;
      return;
    }
    out->push_back(text_[position_++]);
  }
}

std::string_view Scanner::Literal() {
  Skip('~');
  Expect('{');
  const std::string_view digits = TakeUntil([](char c) { return !IsDigit(c); });
  Skip('+');
  Expect('}');
  Skip('\r');
  Expect('\n');
  uint64_t bytes = 0;
  if (failed_ || !ParseDecimal(digits, kSmallLiteralBytesMax, &bytes) ||
      bytes > text_.size() - position_) {
    failed_ = true;
    return {};
  }
  const std::string_view literal = text_.substr(position_, bytes);
  position_ += bytes;
  return literal;
}

void Scanner::String(std::string* out) {
  out->clear();
  if (Peek() == '"') {
    Quoted(out);
  } else {
    *out = Literal();
  }
}

void Scanner::Astring(std::string* out) {
  const char next = Peek();
  if (next == '"' || next == '{') {
    String(out);
  } else {
    *out = Atom();
  }
}

bool Scanner::SkipNil() {
  const std::string_view left = rest();
  if (!StartsWithIgnoreCase(left, "NIL") || (left.size() > 3 && !EndsAtom(left[3]))) {
    return false;
  }
  position_ += 3;
  return true;
}

bool Scanner::SkipStreamedLiteral() {
  if (failed_ || position_ != streamed_literal_) {
    return false;
  }
  const size_t end = text_.find('\n', position_);
  position_ = end == std::string_view::npos ? text_.size() : end + 1;
  return true;
}

void Scanner::SkipAtomWithSections() {
  // BODY[HEADER.FIELDS (DATE)]<0>: inside brackets anything goes but the end of the line.
  bool in_section = false;
  const std::string_view taken = TakeUntil([&in_section](char c) {
    if (c == '[') {
      in_section = true;
    } else if (c == ']') {
      in_section = false;
    }
    return c == '\r' || c == '\n' || (!in_section && EndsAtom(c));
  });
  if (in_section || taken.empty()) {
    failed_ = true;
  }
}

void Scanner::SkipValue() {
  size_t depth = 0;
  std::string ignored;
  do {
    SkipSpaces();
    const char next = Peek();
    if (next == '(') {
      ++position_;
      ++depth;
      failed_ = failed_ || depth > kListDepthMax;
    } else if (next == ')' && depth > 0) {
      ++position_;
      --depth;
    } else if (next == '"') {
      ignored.clear();
      Quoted(&ignored);
    } else if (next == '{' || (next == '~' && rest().substr(1, 1) == "{")) {
      Literal();
    } else {
      SkipAtomWithSections();
    }
  } while (!failed_ && depth > 0);
}

}  // namespace mailhaul::imap
