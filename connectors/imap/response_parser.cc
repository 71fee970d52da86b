#include "connectors/imap/response_parser.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/text.h"
#include "connectors/imap/scanner.h"

namespace mailhaul::imap {
namespace {

std::string_view WithoutLineEnd(std::string_view text) {
  if (!text.empty() && text.back() == '\n') {
    text.remove_suffix(1);
  }
  if (!text.empty() && text.back() == '\r') {
    text.remove_suffix(1);
  }
  return text;
}

size_t TextBytesMax(std::string_view text) {
  const bool lists_uids = StartsWithIgnoreCase(text, "* SEARCH ") ||
                          StartsWithIgnoreCase(text, "* ESEARCH ") ||
                          StartsWithIgnoreCase(text, "* VANISHED ");
  return lists_uids ? kSearchBytesMax : kLineBytesMax;
}

}  // namespace

// A FETCH response, of which there are by far the most, leaves everything else untouched.
void Response::Clear() {
  number = 0;
  fetch.Clear();
  if (std::exchange(kind, ResponseKind::kNone) == ResponseKind::kFetch) {
    return;
  }
  condition = Condition::kNone;
  tag.clear();
  code.name.clear();
  code.arguments.clear();
  text.clear();
  capabilities.clear();
  uids = UidSet();
  earlier = false;
  namespaces.clear();
  list.attributes.clear();
  list.delimiter = '\0';
  list.mailbox.clear();
  status = StatusEntry();
}

void FetchEntry::Clear() {
  sequence = 0;
  uid = 0;
  flags.reset();
  keywords.clear();
  internal_date.reset();
  size.reset();
  modseq = 0;
  labels.reset();
  email_id.clear();
  thread_id.clear();
  body = BodyState::kAbsent;
  section = BodySection::kWhole;
  inline_body.clear();
}

void ResponseParser::BeginResponse() {
  response_.Clear();
  text_.clear();
  if (text_.capacity() > kIdleTextBytesMax) {
    text_.shrink_to_fit();
  }
  literals_ = 0;
  literal_bytes_ = 0;
  literal_end_ = 0;
  streamed_literal_ = Scanner::kNoLiteral;
  begin_response_ = false;
}

Result<ResponseParser::Event> ResponseParser::Next(std::string_view* input) {
  if (!failure_.ok()) {
    return failure_;
  }
  if (begin_response_) {
    BeginResponse();
  }
  for (;;) {
    TakeLiteral(input);
    const void* line_end = literal_left_ > 0 || input->empty()
                               ? nullptr
                               : std::memchr(input->data(), '\n', input->size());
    if (line_end == nullptr) {
      return Buffer(input);
    }
    const auto bytes = static_cast<size_t>(static_cast<const char*>(line_end) - input->data()) + 1;
    std::string_view text = input->substr(0, bytes);
    input->remove_prefix(bytes);
    if (!text_.empty()) {
      text_ += text;
      text = text_;
    }
    Result<Event> event = OnLine(text);
    if (!event.ok() || *event != Event::kNeedMore) {
      return event;
    }
  }
}

void ResponseParser::TakeLiteral(std::string_view* input) {
  const size_t bytes = std::min(literal_left_, input->size());
  text_ += input->substr(0, bytes);
  input->remove_prefix(bytes);
  literal_left_ -= bytes;
}

Result<ResponseParser::Event> ResponseParser::Buffer(std::string_view* input) {
  text_ += *input;
  input->remove_prefix(input->size());
  failure_ = CheckLimits(text_);
  if (!failure_.ok()) {
    return failure_;
  }
  return Event::kNeedMore;
}

Status ResponseParser::CheckLimits(std::string_view text) const {
  if (text.size() <= kLineBytesMax) {
    return {};
  }
  if (text.size() - std::min(text.size(), literal_bytes_) > TextBytesMax(text)) {
    return {Code::kProtocol, "the server sent an overlong response: " + EscapeForLog(text, 40)};
  }
  return {};
}

Status ResponseParser::Fail(std::string_view what, std::string_view text) {
  failure_ = Status(Code::kProtocol, "the server sent " + std::string(what) + ": " +
                                         EscapeForLog(WithoutLineEnd(text), 100));
  return failure_;
}

Result<ResponseParser::Event> ResponseParser::OnLine(std::string_view text) {
  failure_ = CheckLimits(text);
  if (!failure_.ok()) {
    return failure_;
  }
  const std::string_view line = WithoutLineEnd(text);
  const LiteralAnnouncement literal = FindLiteralAnnouncement(line);
  // What looks like an announcement may be the contents of the literal before it.
  if (literal.present && literal.offset >= literal_end_ && MayContainLiterals(line)) {
    if (!literal.valid) {
      return Fail("a literal of impossible size", text);
    }
    return OnLiteral(text, literal.offset, literal.bytes);
  }
  if (!ParseResponse(line, streamed_literal_, &response_)) {
    return Fail("a malformed response", text);
  }
  begin_response_ = true;
  text_.clear();
  return Event::kResponse;
}

Result<ResponseParser::Event> ResponseParser::OnLiteral(std::string_view text, size_t offset,
                                                        uint64_t bytes) {
  if (++literals_ > kLiteralsPerResponseMax) {
    return Fail("too many literals in one response", text);
  }
  if (streamed_literal_ == Scanner::kNoLiteral &&
      ParseFetchUpToBody(text.substr(0, offset), offset, &response_)) {
    streamed_literal_ = offset;
    body_bytes_ = bytes;
    if (text_.empty()) {
      text_ = text;
    }
    return Event::kBody;
  }
  if (bytes > kSmallLiteralBytesMax) {
    return Fail("too large a literal", text);
  }
  if (text_.empty()) {
    text_ = text;
  }
  literal_left_ = bytes;
  literal_bytes_ += bytes;
  literal_end_ = text_.size() + bytes;
  return Event::kNeedMore;
}

}  // namespace mailhaul::imap
