#include "engine/http/request_parser.h"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <utility>

#include "base/text.h"
#include "engine/http/head_scanner.h"
#include "engine/http/service.h"

namespace mailhaul::http {
namespace {

namespace bh = boost::beast::http;
using boost::beast::error_code;
using BeastView = boost::beast::string_view;

std::string_view View(BeastView text) { return {text.data(), text.size()}; }

constexpr size_t kLastChunkBytesMin = 5;
constexpr size_t kChunkHeaderBytesMax = 8 * 1024;  // Also of all trailer fields.

bool IsHostCharacter(char c) {
  static constexpr std::string_view kPunctuation = ".-_~:[]%!$&'()*+,;=";
  return (c >= '0' && c <= '9') || (AsciiLower(c) >= 'a' && AsciiLower(c) <= 'z') ||
         kPunctuation.find(c) != std::string_view::npos;
}

// Whether Accept names the type itself, with whatever weight but 0: wildcards get JSON.
bool NamesEventStream(std::string_view accept) {
  while (!accept.empty()) {
    std::string_view item = accept.substr(0, accept.find(','));
    accept.remove_prefix(std::min(item.size() + 1, accept.size()));
    std::string_view type = item.substr(0, item.find(';'));
    type.remove_prefix(std::min(type.find_first_not_of(" \t"), type.size()));
    type = type.substr(0, type.find_last_not_of(" \t") + 1);
    const bool refused = item.ends_with("q=0") || item.ends_with("q=0.0");
    if (EqualsIgnoreCase(type, "text/event-stream") && !refused) {
      return true;
    }
  }
  return false;
}

bool IsDigits(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

bool HasBareLineFeed(std::string_view text) {
  for (size_t at = text.find('\n'); at != std::string_view::npos; at = text.find('\n', at + 1)) {
    if (at == 0 || text[at - 1] != '\r') {
      return true;
    }
  }
  return false;
}

// "GET /x HTTP/2.0": well formed, but of another version.
bool HasForeignVersion(std::string_view head) {
  const std::string_view line = head.substr(0, head.find('\r'));
  const size_t space = line.rfind(' ');
  return space != std::string_view::npos && std::count(line.begin(), line.end(), ' ') == 2 &&
         line.size() - space == 9 && line.substr(space + 1, 5) == "HTTP/";
}

Rejection BodyTooLarge(size_t bytes_max) {
  return {.status = 413,
          .code = "body_too_large",
          .detail = "the body is longer than " + std::to_string(bytes_max) + " bytes"};
}

Rejection RejectionFor(const error_code& error, std::string_view head) {
  if (error == bh::error::body_limit) {
    return BodyTooLarge(kSubmissionBodyBytesMax);
  }
  if (error == bh::error::bad_version && HasForeignVersion(head)) {
    return {.status = 505,
            .code = "version_not_supported",
            .detail = "this server speaks HTTP/1.0 and HTTP/1.1"};
  }
  return {.status = 400,
          .code = "bad_request",
          .detail = "malformed request: " + EscapeForLog(error.message())};
}

}  // namespace

// Beast calls back for each part. Fields of the trailer are checked for syntax only.
class RequestParser::Engine final : public bh::basic_parser<true> {
 public:
  explicit Engine(RequestHead* head) : head_(head) {
    header_limit(kHeaderBytesMax);
    body_limit(kSubmissionBodyBytesMax);  // Of other bodies: KeepBody().
  }

  HeadScanner scanner;
  bool skipped_blank_line = false;
  std::optional<Rejection> rejection;
  size_t body_kept_max = 0;
  std::string kept_body;

 private:
  void Refuse(error_code& error, std::string detail) {
    rejection = Rejection{.detail = std::move(detail)};
    error = bh::error::bad_value;
  }

  void on_request_impl(bh::verb /*verb*/, BeastView method, BeastView target, int version,
                       error_code& error) override {
    error = {};
    head_->method = View(method);
    head_->target = View(target);
    version_ = version;
    if (head_->target.size() > kTargetBytesMax) {
      rejection = Rejection{.status = 414,
                            .code = "target_too_long",
                            .detail = "the request target is longer than " +
                                      std::to_string(kTargetBytesMax) + " bytes"};
      error = bh::error::bad_target;
    }
  }

  void on_response_impl(int /*code*/, BeastView /*reason*/, int /*version*/,
                        error_code& error) override {
    error = bh::error::bad_version;
  }

  void on_field_impl(bh::field name, BeastView name_string, BeastView value,
                     error_code& error) override {
    error = {};
    if (in_trailer_) {
      if (++trailer_fields_ > kHeaderFieldsMax) {
        Refuse(error, "too many trailer fields");
      }
      return;
    }
    switch (name) {
      case bh::field::host:
        return TakeHost(View(value), error);
      case bh::field::content_length:
        return CheckContentLength(View(value), error);
      case bh::field::transfer_encoding:
        return CheckTransferEncoding(View(value), error);
      case bh::field::expect:
        return TakeExpect(View(value), error);
      case bh::field::authorization:
        return TakeOnce("Authorization", View(value), &head_->authorization, error);
      case bh::field::if_none_match:
        return TakeOnce("If-None-Match", View(value), &head_->if_none_match, error);
      case bh::field::if_match:
        return TakeOnce("If-Match", View(value), &head_->if_match, error);
      case bh::field::range:
        return TakeOnce("Range", View(value), &head_->range, error);
      case bh::field::if_range:
        return TakeOnce("If-Range", View(value), &head_->if_range, error);
      case bh::field::accept_encoding:
        head_->accept_encoding += (head_->accept_encoding.empty() ? "" : ", ");
        head_->accept_encoding += View(value);
        return;
      case bh::field::content_type:
        return TakeOnce("Content-Type", View(value), &head_->content_type, error);
      case bh::field::accept:
        head_->accepts_events = head_->accepts_events || NamesEventStream(View(value));
        return;
      default:
        if (EqualsIgnoreCase(View(name_string), "Last-Event-ID")) {
          TakeOnce("Last-Event-ID", View(value), &head_->last_event_id, error);
        }
        if (EqualsIgnoreCase(View(name_string), "Idempotency-Key")) {
          TakeOnce("Idempotency-Key", View(value), &head_->idempotency_key, error);
        }
        return;
    }
  }

  void TakeHost(std::string_view value, error_code& error) {
    if (has_host_) {
      return Refuse(error, "more than one Host field");
    }
    has_host_ = true;
    if (value.empty() || !std::all_of(value.begin(), value.end(), IsHostCharacter)) {
      Refuse(error, "the Host field is not a host name");
    }
  }

  void CheckContentLength(std::string_view value, error_code& error) {
    if (has_length_ || has_coding_ || !IsDigits(value)) {
      Refuse(error, "Content-Length must be one number, once, and not with Transfer-Encoding");
    }
    has_length_ = true;
  }

  void CheckTransferEncoding(std::string_view value, error_code& error) {
    if (has_coding_ || has_length_ || version_ < 11 || !EqualsIgnoreCase(value, "chunked")) {
      Refuse(error, "the only transfer coding is chunked, once, and not with Content-Length");
    }
    has_coding_ = true;
  }

  void TakeExpect(std::string_view value, error_code& error) {
    if (!EqualsIgnoreCase(value, "100-continue")) {
      rejection = Rejection{.status = 417,
                            .code = "expectation_failed",
                            .detail = "the only known expectation is 100-continue"};
      error = bh::error::bad_value;
      return;
    }
    // RFC 9110 section 10.1.1: ignored from a client that cannot know it.
    head_->expect_continue = version_ >= 11;
  }

  void TakeOnce(std::string_view name, std::string_view value, std::optional<std::string>* out,
                error_code& error) {
    if (out->has_value()) {
      return Refuse(error, "more than one " + std::string(name) + " field");
    }
    *out = std::string(value);
  }

  void on_header_impl(error_code& error) override {
    error = {};
    in_trailer_ = true;
    if (version_ >= 11 && !has_host_) {
      Refuse(error, "the Host field is missing");
    }
  }

  void on_body_init_impl(const boost::optional<std::uint64_t>& /*length*/,
                         error_code& error) override {
    error = {};
  }
  std::size_t on_body_impl(BeastView body, error_code& error) override {
    return KeepBody(View(body), error);
  }
  void on_chunk_header_impl(std::uint64_t size, BeastView /*extensions*/,
                            error_code& error) override {
    error = {};
    const uint64_t bytes_max = body_kept_max == 0 ? kBodyBytesMax : body_kept_max;
    const uint64_t taken = body_kept_max == 0 ? dropped_ : kept_body.size();
    if (size > bytes_max - std::min(taken, bytes_max)) {
      rejection = BodyTooLarge(bytes_max);
      error = bh::error::body_limit;
    }
  }
  std::size_t on_chunk_body_impl(std::uint64_t /*remaining*/, BeastView body,
                                 error_code& error) override {
    return KeepBody(View(body), error);
  }

  std::size_t KeepBody(std::string_view part, error_code& error) {
    error = {};
    if (body_kept_max == 0) {
      dropped_ += part.size();
      if (dropped_ > kBodyBytesMax) {
        rejection = BodyTooLarge(kBodyBytesMax);
        error = bh::error::body_limit;
      }
      return part.size();
    }
    if (part.size() > body_kept_max - kept_body.size()) {
      rejection = BodyTooLarge(body_kept_max);
      error = bh::error::body_limit;
      return 0;
    }
    kept_body.append(part);
    return part.size();
  }
  void on_finish_impl(error_code& error) override { error = {}; }

  RequestHead* head_;
  int version_ = 0;
  bool has_host_ = false;
  bool has_length_ = false;
  bool has_coding_ = false;
  bool in_trailer_ = false;
  size_t trailer_fields_ = 0;
  uint64_t dropped_ = 0;
};

RequestParser::RequestParser(BodyBytesMax body_bytes_max)
    : body_bytes_max_(std::move(body_bytes_max)), engine_(std::make_unique<Engine>(&head_)) {}
RequestParser::~RequestParser() = default;

size_t RequestParser::Parse(std::string_view input) {
  size_t consumed = 0;
  if (state_ == State::kHead) {
    consumed = ParseHead(input);
  }
  if (state_ == State::kBody && consumed < input.size()) {
    consumed += ParseBody(input.substr(consumed));
  }
  return consumed;
}

size_t RequestParser::ParseHead(std::string_view input) {
  // RFC 9112 section 2.2: one empty line before the request line is forgiven.
  if (!engine_->skipped_blank_line && input.starts_with("\r\n")) {
    engine_->skipped_blank_line = true;
    engine_->scanner = HeadScanner();
    return 2 + ParseHead(input.substr(2));
  }
  switch (engine_->scanner.Scan(input)) {
    case HeadScanner::Outcome::kNeedMore:
      return 0;
    case HeadScanner::Outcome::kComplete:
      TakeHead(input.substr(0, engine_->scanner.head_bytes()));
      return engine_->scanner.head_bytes();
    case HeadScanner::Outcome::kBadByte:
      Reject({.detail = "the head holds a control character, a bare CR or LF, or a folded line"});
      return 0;
    case HeadScanner::Outcome::kTargetTooLong:
      Reject({.status = 414,
              .code = "target_too_long",
              .detail = "the request line is longer than this server takes"});
      return 0;
    case HeadScanner::Outcome::kTooLarge:
      Reject({.status = 431,
              .code = "head_too_large",
              .detail = "the request head has too many bytes or fields"});
      return 0;
  }
  return 0;
}

void RequestParser::TakeHead(std::string_view bytes) {
  error_code error;
  const size_t consumed = engine_->put(boost::asio::buffer(bytes.data(), bytes.size()), error);
  if (error) {
    Reject(engine_->rejection.has_value() ? std::move(*engine_->rejection)
                                          : RejectionFor(error, bytes));
    return;
  }
  if (!engine_->is_header_done() || consumed != bytes.size()) {
    Reject({.detail = "malformed request head"});
    return;
  }
  head_.keep_alive = engine_->keep_alive();
  engine_->eager(true);
  state_ = engine_->is_done() ? State::kDone : State::kBody;
  if (const auto announced = engine_->content_length()) {
    head_.body_bytes = *announced;
  }
  engine_->body_kept_max = body_bytes_max_ ? body_bytes_max_(head_) : 0;
  const size_t bytes_max = engine_->body_kept_max != 0 ? engine_->body_kept_max : kBodyBytesMax;
  if (state_ == State::kBody && engine_->content_length().value_or(0) > bytes_max) {
    Reject(BodyTooLarge(bytes_max));
  }
}

const std::string& RequestParser::body() const { return engine_->kept_body; }

std::string RequestParser::TakeBody() { return std::move(engine_->kept_body); }

size_t RequestParser::ParseBody(std::string_view input) {
  // At least "0\r\n\r\n" is to come while a chunked body is not complete. Beast asserts as much
  // when it looks at the last chunk for the second time (Boost 1.81).
  if (engine_->chunked() && input.size() < kLastChunkBytesMin) {
    return 0;
  }
  error_code error;
  const size_t consumed = engine_->put(boost::asio::buffer(input.data(), input.size()), error);
  if (error && error != bh::error::need_more) {
    Reject(engine_->rejection.has_value() ? std::move(*engine_->rejection)
                                          : RejectionFor(error, {}));
    return consumed;
  }
  if (engine_->is_done()) {
    state_ = State::kDone;
    return consumed;
  }
  // What is left over is the beginning of a chunk header or trailer.
  const std::string_view rest = input.substr(consumed);
  if (rest.size() > kChunkHeaderBytesMax) {
    Reject({.detail = "a chunk header or trailer is too long"});
  } else if (HasBareLineFeed(rest)) {
    Reject({.detail = "a chunk header or trailer holds a bare LF"});
  }
  return consumed;
}

void RequestParser::Reject(Rejection rejection) {
  state_ = State::kRejected;
  rejection_ = std::move(rejection);
}

}  // namespace mailhaul::http
