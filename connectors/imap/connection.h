// One connection to an IMAP server: the codec joined to a stream. Knows tags, deadlines and the
// read buffer, but no command.
//
// Belongs to one loop; one call at a time. A failure is final: the server's later bytes cannot be
// trusted, and the owner closes the connection.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "connectors/imap/command_encoder.h"
#include "connectors/imap/response_parser.h"
#include "connectors/net/stream.h"

namespace mailhaul::imap {

inline constexpr size_t kReadBufferBytesMin = 16 * 1024;
inline constexpr size_t kReadBufferBytesMax = 256 * 1024;
inline constexpr size_t kResponsesPerCommandMax = 1'000'000;

// Sees the untagged responses of one command.
class UntaggedHandler {
 public:
  virtual ~UntaggedHandler() = default;
  // A failure ends the command and with it the connection.
  virtual Status OnUntagged(const Response& response) = 0;
};

class IgnoreUntagged final : public UntaggedHandler {
 public:
  Status OnUntagged(const Response& /*response*/) override { return {}; }
};

class Connection final {
 public:
  // `command_timeout`: how long the server may stay silent while we wait for it.
  Connection(std::unique_ptr<net::Stream> stream, Duration command_timeout)
      : stream_(std::move(stream)), command_timeout_(command_timeout) {}
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // The next response, or the begin of a body; never kNeedMore. An untagged BYE is a failure:
  // kThrottled when its text asks for less, else kUnreachable, like the end of the stream.
  net::Task<Result<ResponseParser::Event>> Next();
  const Response& response() const { return parser_.response(); }  // Until the next Next().

  // After kBody, until body_left() is 0: its next bytes, at least one; valid until the next call.
  uint64_t body_left() const { return body_left_; }
  net::Task<Result<std::string_view>> ReadBody();
  net::Task<Status> SkipBody();

  std::string NextTag() { return tags_.Next(); }
  net::Task<Status> Write(std::string_view bytes);
  // Sends `command` and completes with its tagged response, whatever its condition.
  net::Task<Result<Response>> Run(EncodedCommand command, UntaggedHandler& handler);

  // Nothing was received beyond the last response: the condition for changing to TLS.
  bool NothingUnread() const { return input_.empty() && parser_.idle(); }
  // Before any byte was received, an end of the stream means something else.
  bool received_anything() const { return received_anything_; }
  bool secure() const { return stream_->secure(); }
  std::string peer_name() const { return stream_->peer_name(); }

  // For all that follows together, besides command_timeout. TimePoint::max(): none.
  void SetOverallDeadline(TimePoint deadline) { overall_deadline_ = deadline; }
  std::unique_ptr<net::Stream> ReleaseStream() { return std::move(stream_); }
  void Abort() { stream_->Abort(); }
  net::Task<void> Close();

 private:
  net::Task<Status> ReadMore();
  void ArmDeadline();
  // A bigger buffer for a server that fills this one.
  void PrepareBuffer();

  std::unique_ptr<net::Stream> stream_;
  const Duration command_timeout_;
  TimePoint overall_deadline_ = TimePoint::max();
  TagSequence tags_;
  ResponseParser parser_;
  std::unique_ptr<char[]> buffer_;
  size_t buffer_bytes_ = 0;
  bool filled_ = false;     // The last read filled the buffer.
  std::string_view input_;  // What of buffer_ is unread.
  uint64_t body_left_ = 0;
  size_t responses_ = 0;  // Since the last write.
  bool received_anything_ = false;
};

}  // namespace mailhaul::imap
