// One connection to a POP3 server: the codec joined to a stream. Knows deadlines and the read
// buffer, but no command.
//
// Belongs to one loop; one call at a time. A failure is final: the server's later bytes cannot be
// trusted, and the owner closes the connection.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "connectors/net/stream.h"
#include "connectors/pop3/response_parser.h"

namespace mailhaul::pop3 {

inline constexpr size_t kReadBufferBytesMin = 16 * 1024;
inline constexpr size_t kReadBufferBytesMax = 256 * 1024;

class Connection final {
 public:
  // `command_timeout`: how long the server may stay without progress (kProgressBytesMin) while we
  // wait for it.
  Connection(std::unique_ptr<net::Stream> stream, Duration command_timeout)
      : stream_(std::move(stream)), command_timeout_(command_timeout) {}
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  net::Task<Status> Write(std::string_view bytes);
  // The next answer's status line, whatever it says. If it is positive and `body` is not kNone,
  // its body must be read to the end, or skipped, before the next answer.
  net::Task<Result<StatusLine>> ReadStatus(Body body);
  // Write() and ReadStatus().
  net::Task<Result<StatusLine>> Run(std::string command, Body body);
  // The next line of a listing, or the next bytes of a message; false at the end of the body. What
  // line() and data() show is valid until the next call. A listing beyond kListingLinesMax or
  // kListingBytesMax is kProtocol.
  net::Task<Result<bool>> ReadLine();
  net::Task<Result<bool>> ReadData();
  std::string_view line() const { return parser_.line(); }
  std::string_view data() const { return parser_.data(); }
  // Reads the rest of a message and drops it; more than `bytes_max` is kProtocol.
  net::Task<Status> SkipData(uint64_t bytes_max);

  // Nothing was received beyond the last answer: the condition for changing to TLS.
  bool NothingUnread() const { return input_.empty() && parser_.idle(); }
  // Before any byte was received, an end of the stream means something else.
  bool received_anything() const { return received_anything_; }
  bool secure() const { return stream_->secure(); }
  std::optional<net::ChannelBinding> channel_binding() const { return stream_->channel_binding(); }
  std::string peer_name() const { return stream_->peer_name(); }

  // For all that follows together, besides command_timeout. TimePoint::max(): none.
  void SetOverallDeadline(TimePoint deadline) { overall_deadline_ = deadline; }
  std::unique_ptr<net::Stream> ReleaseStream() { return std::move(stream_); }
  void Abort() { stream_->Abort(); }
  // After the farewell: until the server has ended its side, or `deadline`.
  net::Task<void> AwaitEnd(TimePoint deadline);
  net::Task<void> Close();

 private:
  net::Task<Result<ResponseParser::Event>> Next();
  net::Task<Status> ReadMore();
  // A bigger buffer for a server that fills this one.
  void PrepareBuffer();
  Status NoteProgress(Duration waited, size_t bytes);

  std::unique_ptr<net::Stream> stream_;
  const Duration command_timeout_;
  TimePoint overall_deadline_ = TimePoint::max();
  ResponseParser parser_;
  std::unique_ptr<char[]> buffer_;
  size_t buffer_bytes_ = 0;
  bool filled_ = false;     // The last read filled the buffer.
  std::string_view input_;  // What of buffer_ is unread.
  bool in_body_ = false;
  size_t lines_ = 0;  // Of the listing being read, and their bytes.
  size_t line_bytes_ = 0;
  // Since the last progress: how long we waited for the server, and what came.
  Duration waited_{0};
  uint64_t waited_bytes_ = 0;
  bool received_anything_ = false;
};

}  // namespace mailhaul::pop3
