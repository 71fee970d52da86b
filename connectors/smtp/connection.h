// One connection to an SMTP server: the codec joined to a stream. Knows deadlines and the read
// buffer, but no command.
//
// Belongs to one loop; one call at a time. A failure is final.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/clock.h"
#include "base/result.h"
#include "connectors/net/stream.h"
#include "connectors/smtp/reply_parser.h"

namespace mailhaul::smtp {

class Connection final {
 public:
  explicit Connection(std::unique_ptr<net::Stream> stream) : stream_(std::move(stream)) {}
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // The next reply, complete within `timeout`: a server cannot drag it out byte by byte.
  net::Task<Result<Reply>> ReadReply(Duration timeout);
  net::Task<Status> Write(std::string_view bytes, Duration timeout);
  // Writes `line` and reads one reply. kProtocol when a reply lies there before it was asked for.
  net::Task<Result<Reply>> Command(std::string line);

  // Nothing was received beyond the last reply.
  bool NothingUnread() const { return input_.empty() && parser_.idle(); }
  // kProtocol unless NothingUnread(): replies and commands have lost each other.
  Status CheckInStep() const;

  bool received_anything() const { return received_anything_; }
  bool closing() const { return closing_; }  // The server has said 421.
  bool secure() const { return stream_->secure(); }
  std::optional<net::ChannelBinding> channel_binding() const { return stream_->channel_binding(); }
  std::string peer_name() const { return stream_->peer_name(); }

  // For all that follows together, besides the time-outs of the steps. TimePoint::max(): none.
  void SetOverallDeadline(TimePoint deadline) { overall_deadline_ = deadline; }
  std::unique_ptr<net::Stream> ReleaseStream() { return std::move(stream_); }
  void Abort() { stream_->Abort(); }
  // After the farewell: until the server has ended its side, or `deadline`.
  net::Task<void> AwaitEnd(TimePoint deadline);
  net::Task<void> Close();

 private:
  void ArmDeadline(Duration timeout);

  std::unique_ptr<net::Stream> stream_;
  TimePoint overall_deadline_ = TimePoint::max();
  ReplyParser parser_;
  std::array<char, 2048> buffer_;
  std::string_view input_;  // What of buffer_ is unread.
  bool received_anything_ = false;
  bool closing_ = false;
};

}  // namespace mailhaul::smtp
