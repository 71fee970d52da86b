#include "connectors/smtp/reply_parser.h"

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "connectors/smtp/limits.h"

namespace mailhaul::smtp {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// Up to three digits, without leading zeros.
bool TakeNumber(std::string_view* text, uint16_t* number) {
  size_t digits = 0;
  uint16_t value = 0;
  while (digits < text->size() && digits < 3 && IsDigit((*text)[digits])) {
    value = static_cast<uint16_t>(value * 10 + ((*text)[digits] - '0'));
    ++digits;
  }
  if (digits == 0 || (digits > 1 && text->front() == '0')) {
    return false;
  }
  text->remove_prefix(digits);
  *number = value;
  return true;
}

bool TakeDot(std::string_view* text) {
  if (text->empty() || text->front() != '.') {
    return false;
  }
  text->remove_prefix(1);
  return true;
}

}  // namespace

EnhancedCode TakeEnhancedCode(uint16_t kind, std::string_view* text) {
  std::string_view rest = *text;
  EnhancedCode code;
  const bool is_code =
      TakeNumber(&rest, &code.kind) && TakeDot(&rest) && TakeNumber(&rest, &code.subject) &&
      TakeDot(&rest) && TakeNumber(&rest, &code.detail) && code.kind == kind &&
      (kind == 2 || kind == 4 || kind == 5) && (rest.empty() || rest.front() == ' ');
  if (!is_code) {
    return {};
  }
  rest.remove_prefix(std::min<size_t>(rest.size(), 1));
  *text = rest;
  return code;
}

std::string EnhancedCode::ToString() const {
  return present()
             ? std::to_string(kind) + "." + std::to_string(subject) + "." + std::to_string(detail)
             : std::string();
}

std::string Reply::ToString() const {
  std::string whole = std::to_string(code);
  if (enhanced.present()) {
    whole += " " + enhanced.ToString();
  }
  std::string one_line = text;
  std::replace(one_line.begin(), one_line.end(), '\n', ' ');
  return one_line.empty() ? whole : whole + " " + EscapeForLog(one_line);
}

Status ReplyParser::Fail(std::string message) {
  failure_ = Status(Code::kProtocol, std::move(message));
  return failure_;
}

Result<bool> ReplyParser::Next(std::string_view* input) {
  while (failure_.ok() && !input->empty()) {
    const size_t end = input->find('\n');
    const std::string_view piece = input->substr(0, end);
    if (line_.size() + piece.size() > kReplyLineBytesMax) {
      return Fail("the server sent a reply line over " + std::to_string(kReplyLineBytesMax) +
                  " bytes");
    }
    line_.append(piece);
    if (end == std::string_view::npos) {
      *input = {};
      return false;
    }
    input->remove_prefix(end + 1);
    const std::string line = std::exchange(line_, std::string());
    Result<bool> complete = TakeLine(line);
    if (!complete.ok() || *complete) {
      return complete;
    }
  }
  if (!failure_.ok()) {
    return failure_;
  }
  return false;
}

Result<bool> ReplyParser::TakeLine(std::string_view line) {
  if (line.ends_with('\r')) {
    line.remove_suffix(1);
  }
  const bool has_code =
      line.size() >= 3 && line[0] >= '2' && line[0] <= '5' && IsDigit(line[1]) && IsDigit(line[2]);
  const char separator = line.size() > 3 ? line[3] : ' ';
  if (!has_code || (separator != ' ' && separator != '-')) {
    return Fail("the server sent what is not an SMTP reply: " + EscapeForLog(line, 80));
  }
  const auto code =
      static_cast<uint16_t>((line[0] - '0') * 100 + (line[1] - '0') * 10 + (line[2] - '0'));
  std::string_view text = line.substr(std::min<size_t>(line.size(), 4));
  if (lines_ == 0) {
    reply_ = Reply();
    reply_.code = code;
    bytes_ = 0;
  } else if (code != reply_.code) {
    return Fail("the server changed the code within one reply, from " +
                std::to_string(reply_.code) + " to " + std::to_string(code));
  }
  bytes_ += line.size();
  if (++lines_ > kReplyLinesMax || bytes_ > kReplyBytesMax) {
    return Fail("the server sent a reply of more than " + std::to_string(kReplyLinesMax) +
                " lines or " + std::to_string(kReplyBytesMax) + " bytes");
  }
  const EnhancedCode enhanced = TakeEnhancedCode(static_cast<uint16_t>(code / 100), &text);
  if (!reply_.enhanced.present()) {
    reply_.enhanced = enhanced;
  }
  if (lines_ > 1) {
    reply_.text.push_back('\n');
  }
  reply_.text.append(text);
  if (separator == '-') {
    return false;
  }
  lines_ = 0;
  return true;
}

}  // namespace mailhaul::smtp
