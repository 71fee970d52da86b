// One command for each of many messages, as many in flight as the server allows.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "connectors/pop3/connection.h"

namespace mailhaul::pop3 {

// Takes the answers, in the order of the messages. `index`: into the numbers given.
class AnswerSink {
 public:
  virtual ~AnswerSink() = default;
  // The answer is positive; its body, if one is expected, follows.
  virtual void OnBegin(size_t index, const StatusLine& status) = 0;
  virtual void OnData(size_t /*index*/, std::string_view /*bytes*/) {}
  virtual void OnEnd(size_t /*index*/) {}
  virtual void OnRefused(size_t index) = 0;
  // No further command is sent; answers to those in flight still come.
  virtual bool done() const { return false; }
};

struct ForEachCommand {
  std::string_view verb;        // "TOP"
  std::string_view suffix;      // " 0": stands behind the number.
  Body body = Body::kNone;      // kNone or kData.
  uint64_t body_bytes_max = 0;  // A longer body ends the session: kProtocol.
  bool pipelined = false;
  bool until_refused = false;  // A refused first command is the last.
};

// `numbers` must live until done. A refusal that concerns the session ends it; any other is
// OnRefused().
net::Task<Status> ForEachMessage(Connection& connection, ForEachCommand command,
                                 std::span<const uint32_t> numbers, AnswerSink& sink);

}  // namespace mailhaul::pop3
