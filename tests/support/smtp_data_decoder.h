// How servers find the end of what follows DATA, and undo the doubling of dots.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace mailhaul::test_support {

enum class LineEnds : uint8_t {
  kStrict,   // CRLF only.
  kLenient,  // CRLF, LF or CR, in any mixture: what smuggling needs.
};

class SmtpDataDecoder final {
 public:
  explicit SmtpDataDecoder(LineEnds line_ends) : line_ends_(line_ends) {}

  // Takes bytes up to the end of data, and returns how many.
  size_t Take(std::string_view input);
  bool done() const { return done_; }
  const std::string& message() const { return message_; }

 private:
  // False: `c` belongs behind the end.
  bool TakeByte(char c);
  void EndLine();

  const LineEnds line_ends_;
  std::string line_;
  std::string message_;
  bool pending_cr_ = false;
  bool done_ = false;
};

}  // namespace mailhaul::test_support
