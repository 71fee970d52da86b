// Finds the end of a request head and refuses what a lenient parser might read in two ways.
//
// Boost.Beast parses the head once it is complete; this pass over the bytes comes first, because
// request smuggling lives on the differences between parsers: bare CR or LF, NUL, folded lines.
// Refusing at the first such byte also ends TLS or binary noise on a plain port at once.
#pragma once

#include <cstddef>
#include <string_view>

namespace mailhaul::http {

class HeadScanner final {
 public:
  enum class Outcome {
    kNeedMore,
    kComplete,       // head_bytes() says where the head ends.
    kBadByte,        // A control character, bare CR or LF, or a folded line (RFC 9112 5.2).
    kTargetTooLong,  // The request line is longer than kTargetBytesMax allows.
    kTooLarge,       // More than kHeaderBytesMax bytes or kHeaderFieldsMax lines.
  };

  // `input` starts with the head and has grown since the last call; bytes seen are not seen again.
  Outcome Scan(std::string_view input);
  size_t head_bytes() const { return position_; }  // Blank line included.

 private:
  // Looks at one byte; kNeedMore to go on.
  Outcome Step(char c);
  Outcome EndLine();

  size_t position_ = 0;
  size_t line_bytes_ = 0;  // Of the current line so far, without CR.
  size_t lines_ = 0;       // Complete ones: the request line, then fields.
  bool after_cr_ = false;
};

}  // namespace mailhaul::http
