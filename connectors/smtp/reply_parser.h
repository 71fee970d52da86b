// Takes replies apart, from bytes that may come in any pieces.
//
// Strict where leniency would let a server's reply be mistaken for another one: the code is three
// digits from 200 to 599, equal on all lines of a reply, followed by SP, "-" or the line's end.
// Lenient in what cannot hurt: a line may end in LF alone, and text may hold any byte.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"
#include "connectors/smtp/reply.h"

namespace mailhaul::smtp {

class ReplyParser final {
 public:
  // Takes bytes off `*input` up to the end of one reply: true, and reply() is set. False: all of
  // `*input` was taken and more is needed. kProtocol, for good, when a line is malformed or a
  // limit (limits.h) is broken.
  Result<bool> Next(std::string_view* input);
  const Reply& reply() const { return reply_; }  // Until the next Next().
  // Nothing of a reply has begun.
  bool idle() const { return line_.empty() && lines_ == 0; }

 private:
  Result<bool> TakeLine(std::string_view line);
  Status Fail(std::string message);

  Reply reply_;
  std::string line_;  // The begin of a line that is not complete yet.
  size_t lines_ = 0;  // Of the reply at hand.
  size_t bytes_ = 0;
  Status failure_;
};

// The enhanced code at the begin of `text`, if it is one and of class `kind`; `*text` then begins
// behind it.
EnhancedCode TakeEnhancedCode(uint16_t kind, std::string_view* text);

}  // namespace mailhaul::smtp
