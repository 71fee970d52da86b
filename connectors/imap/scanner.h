// Reads the tokens of one complete IMAP response from memory (RFC 9051 section 9).
//
// Errors are sticky: after the first, every call does nothing and failed() holds, so that a parser
// reads like the grammar and asks once at the end. Strings are checked, numbers cannot overflow,
// nesting is bounded; nothing is allocated by an announced size.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace mailhaul::imap {

class Scanner final {
 public:
  static constexpr size_t kNoLiteral = SIZE_MAX;

  // `text` must outlive the scanner. `streamed_literal`: the offset of the one announcement,
  // "{n}", whose bytes are not in `text` because they were streamed past it.
  explicit Scanner(std::string_view text, size_t streamed_literal = kNoLiteral)
      : text_(text), streamed_literal_(streamed_literal) {}

  bool failed() const { return failed_; }
  void Fail() { failed_ = true; }
  bool AtEnd() const { return failed_ || position_ == text_.size(); }
  // '\0' at the end and after a failure.
  char Peek() const { return AtEnd() ? '\0' : text_[position_]; }
  size_t position() const { return position_; }
  std::string_view rest() const { return failed_ ? std::string_view() : text_.substr(position_); }

  // Takes `c` if it comes next.
  bool Skip(char c);
  // Fails unless `c` comes next.
  void Expect(char c);
  void SkipSpaces();
  // Takes `word` if it comes next, in any case of letters.
  bool SkipWord(std::string_view word);

  // One or more bytes up to a space, parenthesis, brace, quote or control character. Lenient on
  // purpose: servers put %, *, \ and 8-bit bytes where the grammar forbids them.
  std::string_view Atom();
  // An atom that ends before '[' too: names of FETCH items and response codes.
  std::string_view ItemName();
  uint32_t Number32();
  uint64_t Number64();  // At most 2^63 - 1 (RFC 7162 section 3.1).

  // Quoted string or literal.
  void String(std::string* out);
  // Atom, quoted string or literal.
  void Astring(std::string* out);
  // True and nothing taken unless NIL comes next; then takes it.
  bool SkipNil();
  // At the literal that was streamed: takes its announcement.
  bool SkipStreamedLiteral();
  // Any one value, whatever its form: atom with sections, string, literal, nested list.
  void SkipValue();

 private:
  void Quoted(std::string* out);
  // Takes "{n}", "{n+}" or "~{n}" and its line end; the bytes follow.
  std::string_view Literal();
  void SkipAtomWithSections();
  template <typename Stop>
  std::string_view TakeUntil(Stop stop);

  std::string_view text_;
  size_t streamed_literal_;
  size_t position_ = 0;
  bool failed_ = false;
};

// The announcement at the end of a line of text (line end removed): "... {n}" or "... {n+}".
struct LiteralAnnouncement {
  bool present = false;
  bool valid = false;  // The number fits 32 bits.
  size_t offset = 0;   // Of the '{' (or of the '~' before it).
  uint64_t bytes = 0;
};
LiteralAnnouncement FindLiteralAnnouncement(std::string_view line);

// Decimal digits only, no more than `max`; false leaves *value unspecified.
bool ParseDecimal(std::string_view digits, uint64_t max, uint64_t* value);

}  // namespace mailhaul::imap
