#include "tests/support/smtp_data_decoder.h"

namespace mailhaul::test_support {

size_t SmtpDataDecoder::Take(std::string_view input) {
  size_t taken = 0;
  while (taken < input.size() && !done_ && TakeByte(input[taken])) {
    ++taken;
  }
  return taken;
}

bool SmtpDataDecoder::TakeByte(char c) {
  if (pending_cr_) {
    pending_cr_ = false;
    if (c == '\n') {
      EndLine();
      return true;
    }
    if (line_ends_ == LineEnds::kLenient) {
      EndLine();
      if (done_) {
        return false;
      }
    } else {
      line_.push_back('\r');
    }
  }
  if (c == '\r') {
    pending_cr_ = true;
  } else if (c == '\n' && line_ends_ == LineEnds::kLenient) {
    EndLine();
  } else {
    line_.push_back(c);
  }
  return true;
}

void SmtpDataDecoder::EndLine() {
  if (line_ == ".") {
    done_ = true;
  } else {
    message_.append(line_, line_.starts_with('.') ? 1 : 0);
    message_.append("\r\n");
  }
  line_.clear();
}

}  // namespace mailhaul::test_support
