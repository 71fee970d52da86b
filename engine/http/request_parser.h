// HTTP/1.1 requests from bytes, without I/O: Boost.Beast's parser behind the checks that keep two
// parsers from disagreeing (RFC 9112 sections 5 to 7 and 11.2).
//
// Refused with 400: Content-Length with Transfer-Encoding, either of them twice or as a list, a
// transfer coding other than chunked, missing or doubled Host, doubled Authorization, bare CR or
// LF, folded lines, control characters. A rejection ends the connection: where the next request
// would start is not known.
//
// Bodies are counted and dropped, but for those that the head's reader wants.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace mailhaul::http {

struct RequestHead {
  std::string method;  // A token, as sent.
  std::string target;  // As sent, not yet checked beyond Beast's characters.
  bool keep_alive = false;
  bool expect_continue = false;
  std::optional<std::string> authorization;
  std::optional<std::string> if_none_match;
  std::optional<std::string> if_match;
  std::optional<std::string> range;
  std::optional<std::string> if_range;
  std::string accept_encoding;  // All of its fields, joined.
  std::optional<std::string> content_type;
  std::optional<std::string> last_event_id;
  bool accepts_events = false;  // Accept names text/event-stream.
  std::optional<std::string> idempotency_key;
  std::optional<uint64_t> body_bytes;  // As announced; none with chunks, or without a body.
};

// Why a request was refused.
struct Rejection {
  unsigned status = 400;
  std::string code = "bad_request";
  std::string detail;
};

class RequestParser final {
 public:
  enum class State {
    kHead,      // Wants more of the head.
    kBody,      // head() is there; wants more of the body.
    kDone,      // The whole request was consumed.
    kRejected,  // rejection() says why; parse nothing more.
  };

  // Asked once, when the head is there, how many bytes of body to keep: 0 drops it, and a longer
  // one is rejected with 413.
  using BodyBytesMax = std::function<size_t(const RequestHead&)>;

  explicit RequestParser(BodyBytesMax body_bytes_max = nullptr);
  ~RequestParser();

  // Takes what it can from the front of `input` and returns how many bytes that was. The rest must
  // be there again, with more after it, at the next call. No more than kHeaderBytesMax are left
  // over while the state is kHead or kBody.
  size_t Parse(std::string_view input);

  State state() const { return state_; }
  const RequestHead& head() const { return head_; }
  // Once kDone: what was to be kept.
  const std::string& body() const;
  std::string TakeBody();
  const Rejection& rejection() const { return rejection_; }

 private:
  class Engine;

  size_t ParseHead(std::string_view input);
  size_t ParseBody(std::string_view input);
  // Hands a complete head to Beast.
  void TakeHead(std::string_view bytes);
  void Reject(Rejection rejection);

  const BodyBytesMax body_bytes_max_;
  std::unique_ptr<Engine> engine_;
  State state_ = State::kHead;
  RequestHead head_;
  Rejection rejection_;
};

}  // namespace mailhaul::http
