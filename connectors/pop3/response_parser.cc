#include "connectors/pop3/response_parser.h"

#include <algorithm>

#include "base/text.h"
#include "connectors/pop3/pop3_session.h"

namespace mailhaul::pop3 {
namespace {

constexpr size_t kCodeBytesMax = 64;

bool IsCodeCharacter(char c) { return c > ' ' && c < '\x7F' && c != '[' && c != ']'; }

// Moves "[CODE] " from the front of `*text` to `*code`; what is no code stays text.
void TakeCode(std::string_view* text, std::string* code) {
  const size_t end = text->find(']');
  if (!text->starts_with('[') || end == std::string_view::npos || end < 2 || end > kCodeBytesMax) {
    return;
  }
  // "LIMIT seconds": what follows the name is for people.
  const std::string_view inside = text->substr(1, end - 1);
  const std::string_view name = inside.substr(0, inside.find(' '));
  if (name.empty() || !std::all_of(name.begin(), name.end(), IsCodeCharacter)) {
    return;
  }
  *code = name;
  std::transform(code->begin(), code->end(), code->begin(), [](char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - ('a' - 'A')) : c;
  });
  text->remove_prefix(end + 1);
  text->remove_prefix(std::min(text->find_first_not_of(' '), text->size()));
}

// Takes `word` and the spaces behind it, if the line is that word or goes on after a space.
bool TakeWord(std::string_view word, std::string_view* line) {
  if (!StartsWithIgnoreCase(*line, word) ||
      (line->size() > word.size() && (*line)[word.size()] != ' ')) {
    return false;
  }
  line->remove_prefix(word.size());
  line->remove_prefix(std::min(line->find_first_not_of(' '), line->size()));
  return true;
}

}  // namespace

bool ParseStatusLine(std::string_view line, StatusLine* status) {
  status->code.clear();
  if (TakeWord("+OK", &line)) {
    status->kind = StatusKind::kOk;
  } else if (TakeWord("-ERR", &line)) {
    status->kind = StatusKind::kError;
  } else if (TakeWord("+", &line)) {
    status->kind = StatusKind::kContinue;
    status->text = line;
    return true;
  } else {
    return false;
  }
  TakeCode(&line, &status->code);
  status->text = line;
  return true;
}

Status ResponseParser::Fail(std::string_view what, std::string_view text) {
  failure_ = Status(Code::kProtocol,
                    "the server sent " + std::string(what) + ": " + EscapeForLog(text, 80));
  return failure_;
}

Result<bool> ResponseParser::TakeLine(std::string_view* input, std::string_view* line) {
  if (partial_taken_) {
    partial_.clear();
    partial_taken_ = false;
  }
  const size_t end = input->find('\n');
  const size_t bytes = end == std::string_view::npos ? input->size() : end + 1;
  if (partial_.size() + bytes > kLineBytesMax) {
    return Fail("too long a line", partial_.empty() ? *input : partial_);
  }
  if (end == std::string_view::npos) {
    partial_ += *input;
    input->remove_prefix(bytes);
    return false;
  }
  if (partial_.empty()) {
    *line = input->substr(0, bytes);
  } else {
    partial_ += input->substr(0, bytes);
    partial_taken_ = true;
    *line = partial_;
  }
  input->remove_prefix(bytes);
  line->remove_suffix(1);
  line_ended_in_crlf_ = line->ends_with('\r');
  if (line_ended_in_crlf_) {
    line->remove_suffix(1);
  }
  return true;
}

Result<ResponseParser::Event> ResponseParser::Next(std::string_view* input) {
  if (!failure_.ok()) {
    return failure_;
  }
  switch (state_) {
    case State::kStatusLine: {
      std::string_view line;
      MH_ASSIGN_OR_RETURN(const bool whole, TakeLine(input, &line));
      return whole ? OnStatusLine(line, !line_ended_in_crlf_) : Event::kNeedMore;
    }
    case State::kLines:
      return NextLine(input);
    default:
      return NextData(input);
  }
}

Result<ResponseParser::Event> ResponseParser::OnStatusLine(std::string_view line, bool bare_lf) {
  if (!ParseStatusLine(line, &status_)) {
    return Fail("no status line", line);
  }
  const Body body = std::exchange(expected_, Body::kNone);
  bare_lf_ = bare_lf;
  if (status_.kind == StatusKind::kOk && body != Body::kNone) {
    state_ = body == Body::kLines ? State::kLines : State::kLineStart;
  }
  if (partial_taken_) {
    partial_.clear();
    partial_taken_ = false;
  }
  return Event::kStatus;
}

Result<ResponseParser::Event> ResponseParser::NextLine(std::string_view* input) {
  std::string_view line;
  MH_ASSIGN_OR_RETURN(const bool whole, TakeLine(input, &line));
  if (!whole) {
    return Event::kNeedMore;
  }
  if (line == ".") {
    return End();
  }
  line_ = line.starts_with("..") ? line.substr(1) : line;
  return Event::kLine;
}

ResponseParser::Event ResponseParser::End() {
  state_ = State::kStatusLine;
  partial_.clear();
  partial_taken_ = false;
  return Event::kEnd;
}

ResponseParser::Event ResponseParser::Give(std::string_view bytes, State next) {
  data_ = bytes;
  state_ = next;
  return Event::kData;
}

ResponseParser::Event ResponseParser::NextData(std::string_view* input) {
  while (!input->empty()) {
    const char c = input->front();
    switch (state_) {
      case State::kLineStart:
        state_ = c == '.' ? State::kDot : State::kText;
        input->remove_prefix(c == '.' ? 1 : 0);
        break;
      case State::kDot:
        if (c == '\n' && bare_lf_) {
          input->remove_prefix(1);
          return End();
        }
        if (c == '\r') {
          state_ = State::kDotCr;
          input->remove_prefix(1);
          break;
        }
        // No dot behind it: nobody stuffed this line, and its dot is its own.
        if (c != '.') {
          return Give(".", State::kText);
        }
        state_ = State::kText;
        break;
      case State::kDotCr:
        if (c == '\n') {
          input->remove_prefix(1);
          return End();
        }
        return Give(".\r", State::kTextCr);
      case State::kTextCr:
        if (c == '\n') {
          data_ = input->substr(0, 1);
          input->remove_prefix(1);
          return Give(data_, State::kLineStart);
        }
        state_ = State::kText;
        break;
      default:
        return TakeText(input);
    }
  }
  return Event::kNeedMore;
}

// All up to the next line that starts with a dot, or all there is.
ResponseParser::Event ResponseParser::TakeText(std::string_view* input) {
  const std::string_view line_end = bare_lf_ ? "\n" : "\r\n";
  const std::string_view mark = bare_lf_ ? "\n." : "\r\n.";
  const size_t at = input->find(mark);
  const std::string_view bytes = input->substr(
      0, at == std::string_view::npos ? std::string_view::npos : at + line_end.size());
  input->remove_prefix(bytes.size());
  if (bytes.ends_with(line_end)) {
    return Give(bytes, State::kLineStart);
  }
  return Give(bytes, bytes.ends_with('\r') ? State::kTextCr : State::kText);
}

}  // namespace mailhaul::pop3
