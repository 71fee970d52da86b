// Decodes what a POP3 server sends: bytes in, status lines, listing lines and message bytes out. No
// socket, no coroutine.
//
// Incremental: bytes may come in pieces of any size. Whether an answer has more than one line does
// not stand in the answer: Expect() says so before. Messages are never collected here; their bytes
// are handed out as they come, dots unstuffed, mostly as views into the input. Where a message
// ends: pop3_session.h.
//
// Hostile input ends in kProtocol, and the parser stays failed. Bounded: kLineBytesMax for status
// lines and listing lines; lines within messages have no bound, for none is kept.
//
// A value-like object of one session. Not thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace mailhaul::pop3 {

enum class StatusKind : uint8_t {
  kOk,
  kError,
  kContinue,  // "+ ...": a challenge (RFC 5034).
};

struct StatusLine {
  StatusKind kind = StatusKind::kOk;
  std::string code;  // Of RFC 2449 section 8, upper case, without brackets: "IN-USE"; "" for none.
  std::string text;  // What follows.
};

// What an answer has behind its status line if that is positive.
enum class Body : uint8_t {
  kNone,
  kLines,  // A listing.
  kData,   // A message.
};

class ResponseParser final {
 public:
  enum class Event : uint8_t {
    kNeedMore,  // The input is used up.
    kStatus,    // status() is complete; then kLine or kData and kEnd follow, if kOk and expected.
    kLine,      // line() is the next of the listing.
    kData,      // data() are the next bytes of the message, at least one.
    kEnd,       // The body is complete.
  };

  // For the next answer only; kNone unless called.
  void Expect(Body body) { expected_ = body; }
  // Takes bytes from the front of `*input` up to the next event.
  Result<Event> Next(std::string_view* input);

  const StatusLine& status() const { return status_; }  // Until the next kStatus.
  // Valid until the next call of Next(), and no longer than the input it was taken from.
  std::string_view line() const { return line_; }
  std::string_view data() const { return data_; }
  // Between answers, with nothing half read.
  bool idle() const { return failure_.ok() && state_ == State::kStatusLine && partial_.empty(); }

 private:
  enum class State : uint8_t {
    kStatusLine,
    kLines,
    // Within a message:
    kLineStart,  // At the first byte of a line.
    kText,
    kTextCr,  // The byte before was CR.
    kDot,     // Behind a dot at the start of a line, which is held back.
    kDotCr,   // Behind that and CR, both held back.
  };

  // The next whole line without its end; false: the input was used up before.
  Result<bool> TakeLine(std::string_view* input, std::string_view* line);
  Result<Event> OnStatusLine(std::string_view line, bool bare_lf);
  Result<Event> NextLine(std::string_view* input);
  Event NextData(std::string_view* input);
  Event TakeText(std::string_view* input);
  Event Give(std::string_view bytes, State next);
  Event End();
  Status Fail(std::string_view what, std::string_view text);

  State state_ = State::kStatusLine;
  Body expected_ = Body::kNone;
  bool bare_lf_ = false;  // This answer's status line ended in LF alone.
  bool line_ended_in_crlf_ = false;
  bool partial_taken_ = false;  // partial_ was given out as a line.
  std::string partial_;         // The begin of a line that is in no single input.
  StatusLine status_;
  std::string_view line_;
  std::string_view data_;
  Status failure_;
};

// One status line without its end. False: it is none.
bool ParseStatusLine(std::string_view line, StatusLine* status);

}  // namespace mailhaul::pop3
