// The bytes of one message, from DATA or the first BDAT to the server's last word.
#pragma once

#include <optional>
#include <string>

#include "connectors/smtp/connection.h"
#include "connectors/smtp/data_encoder.h"
#include "connectors/smtp/message_source.h"
#include "connectors/smtp/refusal.h"
#include "connectors/smtp/smtp_session.h"

namespace mailhaul::smtp {

// One message; one of Data() and Chunks(), once. They fail when the conversation cannot go on;
// else reply() is the server's answer to all of it.
class Transfer final {
 public:
  Transfer(Connection& connection, MessageSource& source, SendObserver& observer)
      : connection_(connection), source_(source), observer_(observer) {}

  net::Task<Status> Data();
  net::Task<Status> Chunks(bool pipelining);

  // The end of data may have reached the server: without a reply the outcome is unknown.
  bool end_begun() const { return end_begun_; }
  const std::optional<Reply>& reply() const { return reply_; }
  Step step() const { return end_begun_ ? Step::kEndOfData : Step::kData; }  // Of the reply.

 private:
  // Appends to pending_; false at the end of the message.
  net::Task<Result<bool>> ReadBlock(DataEncoder& encoder);
  net::Task<Status> WritePending();
  net::Task<Status> SendChunk(size_t in_flight_max);
  net::Task<Status> ReadChunkReply();
  // Awaits the observer, then writes what makes the message the server's.
  net::Task<Status> End(std::string last_bytes);

  Connection& connection_;
  MessageSource& source_;
  SendObserver& observer_;
  MessageScanner scanner_;
  std::string block_;
  std::string pending_;
  size_t chunks_in_flight_ = 0;
  bool end_begun_ = false;
  std::optional<Reply> reply_;
};

}  // namespace mailhaul::smtp
