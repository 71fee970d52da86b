// One connection to an IMAP server: the codec joined to a stream. Knows tags, deadlines, the read
// buffer and what the server tells at any time (news of the open folder, what is enabled), but
// next to no command.
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
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "connectors/imap/command_encoder.h"
#include "connectors/imap/limits.h"
#include "connectors/imap/response_parser.h"
#include "connectors/net/stream.h"

namespace mailhaul::imap {

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

// The kProtocol of a "+" that nothing asked for.
Status UnexpectedContinuation();

class Connection final {
 public:
  // `command_timeout`: how long the server may stay silent while we wait for it. Even one that is
  // never silent has no more than kCommandTimeMax, and what kBytesPerSecondMin adds.
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

  // Goes out together with the next Write(), before it. What the server answers to it is taken by
  // Next() and decides nothing. One part.
  void SendAside(EncodedCommand command);
  // The same, but its answer is awaited later, with Await(). One part.
  void Append(EncodedCommand command);
  // ENABLE (RFC 5161), aside. What the server then reports as enabled is enabled() until the end.
  void Enable(std::vector<std::string> names);
  bool enabled(std::string_view name) const;
  // Enabled, or asked for and not answered yet: a command that wants it may be pipelined.
  bool may_enable(std::string_view name) const;

  // NAMESPACE (RFC 2342), aside, unless that has been done.
  void AskNamespaces();
  // As last told.
  const std::vector<NamespaceEntry>& namespaces() const { return namespaces_; }

  // Of the open folder, as far as told: its last EXISTS, less what was expunged since.
  uint32_t messages() const { return messages_; }
  // Whether the folder has changed (EXISTS, EXPUNGE, VANISHED, or NoteNews()) since the last call.
  bool has_news() const { return news_; }
  bool TakeNews() { return std::exchange(news_, false); }
  void NoteNews() { news_ = true; }

  std::string NextTag() { return tags_.Next(); }
  net::Task<Status> Write(std::string_view bytes);
  // Sends `command` and completes with its tagged response, whatever its condition.
  net::Task<Result<Response>> Run(EncodedCommand command, UntaggedHandler& handler);

  // Completes with the tagged response to a command that has been sent.
  net::Task<Result<Response>> Await(std::string tag, UntaggedHandler& handler);

  // Nothing was received beyond the last response: the condition for changing to TLS.
  bool NothingUnread() const { return input_.empty() && parser_.idle(); }
  // Before any byte was received, an end of the stream means something else.
  bool received_anything() const { return received_anything_; }
  bool secure() const { return stream_->secure(); }
  Duration command_timeout() const { return command_timeout_; }
  std::optional<net::ChannelBinding> channel_binding() const { return stream_->channel_binding(); }
  std::string peer_name() const { return stream_->peer_name(); }

  // Until then the server may stay silent: the client idles. What the client does not read is left
  // where it is; a Write() of another task may be pending meanwhile.
  void BeQuietUntil(TimePoint until);
  net::Task<Status> WriteWhileIdle(std::string_view bytes) { return stream_->Write(bytes); }

  // From the next byte on in both directions DEFLATE (RFC 4978). Between responses only.
  void StartDeflate();

  // kThrottled once the server has said in a response other than a refusal that it wants less.
  const Status& throttle_hint() const { return throttle_hint_; }

  // For all that follows together, besides command_timeout. TimePoint::max(): none.
  void SetOverallDeadline(TimePoint deadline) { overall_deadline_ = deadline; }
  std::unique_ptr<net::Stream> ReleaseStream() { return std::move(stream_); }
  void Abort() { stream_->Abort(); }
  // After the farewell: until the server has ended its side, or `deadline`.
  net::Task<void> AwaitEnd(TimePoint deadline);
  net::Task<void> Close();

 private:
  net::Task<Status> ReadMore();
  net::Task<Result<Response>> AwaitRest(EncodedCommand command, UntaggedHandler& handler);
  // What is kept of any response. False: it answers a command sent aside, and is done with.
  bool Observe(const Response& response);
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
  size_t responses_ = 0;                 // Since the last write.
  std::string aside_;                    // To be sent before the next command.
  std::vector<std::string> aside_tags_;  // Not answered yet.
  std::vector<std::string> asked_to_enable_;
  std::string enable_tag_;  // Until it is answered.
  std::vector<std::string> enabled_;
  bool asked_namespaces_ = false;
  std::vector<NamespaceEntry> namespaces_;
  uint32_t messages_ = 0;
  bool news_ = false;
  TimePoint quiet_until_{};
  Duration waited_{0};       // For the server, since the last write.
  uint64_t bytes_read_ = 0;  // Since the last write.
  Status throttle_hint_;
  bool received_anything_ = false;
};

}  // namespace mailhaul::imap
