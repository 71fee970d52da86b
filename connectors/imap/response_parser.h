// Decodes what an IMAP server sends: bytes in, responses out. No socket, no coroutine.
//
// Incremental: bytes may come in pieces of any size. Message bodies and headers are never collected
// here: when the literal of BODY[] or BODY[HEADER] begins, the parser says which of the two, how
// long it is and what it knows about the message so far, and the caller takes that many bytes
// itself, straight from its read buffer. One such literal per response.
//
// Hostile input ends in kProtocol, and the parser stays failed: nothing after a broken response
// can be trusted. Every size is bounded (limits.h).
//
// A value-like object of one session. Not thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "connectors/imap/limits.h"
#include "connectors/imap/response.h"

namespace mailhaul::imap {

class ResponseParser final {
 public:
  enum class Event : uint8_t {
    kNeedMore,  // The input is used up.
    kResponse,  // response() is complete.
    kBody,      // The literal of BODY[] or BODY[HEADER] (response().fetch.section) begins:
                // body_bytes() of it come next in the input, and are the caller's.
                // response().fetch holds what came before it.
  };

  // Takes bytes from the front of `*input` up to the next event. After kBody, the caller removes
  // body_bytes() bytes from the input before the next call.
  Result<Event> Next(std::string_view* input);

  // Valid until the next call of Next().
  const Response& response() const { return response_; }
  uint64_t body_bytes() const { return body_bytes_; }
  // True between responses: nothing half read is kept.
  bool idle() const { return failure_.ok() && text_.empty() && literal_left_ == 0; }

 private:
  void BeginResponse();
  // Moves what is needed and there of the open small literal from `*input` to text_.
  void TakeLiteral(std::string_view* input);
  Result<Event> Buffer(std::string_view* input);
  // `text`: the response so far, ending in a line end. kNeedMore: a small literal begins.
  Result<Event> OnLine(std::string_view text);
  Result<Event> OnLiteral(std::string_view text, size_t offset, uint64_t bytes);
  Status CheckLimits(std::string_view text) const;
  Status Fail(std::string_view what, std::string_view text);

  Response response_;
  std::string text_;                    // The part of the response that is in no single input.
  size_t literal_left_ = 0;             // Bytes of a small literal still to come.
  size_t literals_ = 0;                 // Of this response.
  size_t literal_bytes_ = 0;            // Small literals in text_.
  size_t literal_end_ = 0;              // Offset in text_ behind the last of them.
  size_t streamed_literal_ = SIZE_MAX;  // Offset in text_ of the announcement of the body.
  uint64_t body_bytes_ = 0;
  bool begin_response_ = true;  // The next byte starts a response.
  Status failure_;
};

// One complete response, its line end removed; small literals included after their announcement.
// `streamed_literal`: see Scanner. False: malformed.
bool ParseResponse(std::string_view text, size_t streamed_literal, Response* response);

// `text` begins a FETCH response and ends in the announcement of a literal at `literal`. True when
// that literal is BODY[] or BODY[HEADER]; then `*response` holds what came before.
bool ParseFetchUpToBody(std::string_view text, size_t literal, Response* response);

// Whether the text of a response may contain literals: not in status responses, whose text is free.
bool MayContainLiterals(std::string_view text);

}  // namespace mailhaul::imap
