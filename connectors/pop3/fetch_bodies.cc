#include <algorithm>
#include <deque>
#include <utility>

#include "connectors/pop3/command_encoder.h"
#include "connectors/pop3/commands.h"
#include "connectors/pop3/pop3_session.h"
#include "connectors/pop3/refusal.h"

namespace mailhaul::pop3 {
namespace {

// What a message counts among those in flight: a large one is streamed, so more of it is not held.
uint64_t Announced(const MessageMeta& meta) { return std::min(meta.size, kBodyBufferBytesMax); }

// One FetchBodies() call. Answers come in the order of the commands, so the one being read is
// always of in_flight_.front().
class BodyFetch final {
 public:
  BodyFetch(Connection& connection, const ServerTraits& traits, Maildrop& maildrop,
            std::span<const MessageMeta> messages, BodySink& sink)
      : connection_(connection),
        traits_(traits),
        maildrop_(maildrop),
        sink_(sink),
        rest_(messages) {}

  net::Task<Status> Run();

 private:
  net::Task<Status> TopUp();
  std::span<const MessageMeta> NextBatch() const;
  net::Task<Status> Send(std::span<const MessageMeta> batch);
  net::Task<Status> ReadAnswer(const MessageMeta& meta);
  net::Task<Status> ReadBody(const MessageMeta& meta);
  net::Task<Status> Take(const MessageMeta& meta, std::string_view bytes);
  net::Task<Status> Finish(const MessageMeta& meta);
  net::Task<Status> DrainOversize(const MessageMeta& meta);
  net::Task<Status> ConfirmRefusals();
  void SettleRefusals();

  Connection& connection_;
  const ServerTraits& traits_;
  Maildrop& maildrop_;
  BodySink& sink_;
  std::span<const MessageMeta> rest_;  // Never asked for yet.
  std::deque<const MessageMeta*> in_flight_;
  uint64_t in_flight_bytes_ = 0;
  // Refused, but perhaps only because the server is about to hang up: believed once it has given
  // something else.
  std::vector<std::pair<const MessageMeta*, Status>> refused_;

  // Of the body being read.
  std::string buffer_;
  uint64_t received_ = 0;
  bool begun_ = false;  // In the sink; before, all of it is in buffer_.
};

net::Task<Status> BodyFetch::Run() {
  CO_RETURN_IF_ERROR(TopUp());
  while (!in_flight_.empty()) {
    const MessageMeta& meta = *in_flight_.front();
    CO_RETURN_IF_ERROR(ReadAnswer(meta));
    in_flight_.pop_front();
    in_flight_bytes_ -= Announced(meta);
    CO_RETURN_IF_ERROR(TopUp());
  }
  co_return co_await ConfirmRefusals();
}

std::span<const MessageMeta> BodyFetch::NextBatch() const {
  const size_t count_max = traits_.pipelined ? kPipelineMessagesMax : 1;
  size_t count = 0;
  uint64_t bytes = in_flight_bytes_;
  while (count < rest_.size() && in_flight_.size() + count < count_max) {
    bytes += Announced(rest_[count]);
    if (bytes > kPipelineBytesMax && in_flight_.size() + count > 0) {
      break;
    }
    ++count;
  }
  return rest_.first(count);
}

net::Task<Status> BodyFetch::TopUp() {
  // Half of what was in flight is answered before more is sent: fewer, larger writes.
  if (in_flight_.size() > kPipelineMessagesMax / 2) {
    co_return Status::Ok();
  }
  const std::span<const MessageMeta> batch = NextBatch();
  if (batch.empty()) {
    co_return Status::Ok();
  }
  if (in_flight_.empty()) {
    CO_RETURN_IF_ERROR(sink_.Reserve(batch));
  } else if (!sink_.TryReserve(batch)) {
    co_return Status::Ok();
  }
  rest_ = rest_.subspan(batch.size());
  co_return co_await Send(batch);
}

net::Task<Status> BodyFetch::Send(std::span<const MessageMeta> batch) {
  std::string commands;
  for (const MessageMeta& meta : batch) {
    const ListedMessage* const message = maildrop_.Find(meta.uid);
    if (message == nullptr) {
      co_return Status(Code::kInvalidArgument,
                       "UID " + std::to_string(meta.uid) + " is not in this session's listing");
    }
    commands += EncodeCommand("RETR", message->number);
    in_flight_.push_back(&meta);
    in_flight_bytes_ += Announced(meta);
  }
  co_return co_await connection_.Write(commands);
}

net::Task<Status> BodyFetch::ReadAnswer(const MessageMeta& meta) {
  CO_TRY(const StatusLine answer, connection_.ReadStatus(Body::kData));
  if (answer.kind == StatusKind::kContinue) {
    co_return Status(Code::kProtocol, "the server asks for data that no command announced");
  }
  if (answer.kind == StatusKind::kError) {
    Status refusal = ClassifyRefusal(answer, "RETR", Code::kMessageRejected);
    if (ConcernsSession(refusal)) {
      co_return refusal;
    }
    refused_.emplace_back(&meta, std::move(refusal));
    co_return Status::Ok();
  }
  CO_RETURN_IF_ERROR(ReadBody(meta));
  SettleRefusals();
  co_return Status::Ok();
}

net::Task<Status> BodyFetch::ReadBody(const MessageMeta& meta) {
  buffer_.clear();
  received_ = 0;
  begun_ = false;
  for (;;) {
    CO_TRY(const bool more, connection_.ReadData());
    if (!more) {
      co_return co_await Finish(meta);
    }
    received_ += connection_.data().size();
    if (received_ > traits_.body_bytes_max) {
      co_return co_await DrainOversize(meta);
    }
    CO_RETURN_IF_ERROR(Take(meta, connection_.data()));
  }
}

// Small messages wait for their end, so that the sink learns their size first.
net::Task<Status> BodyFetch::Take(const MessageMeta& meta, std::string_view bytes) {
  if (!begun_ && received_ <= kBodyBufferBytesMax) {
    buffer_ += bytes;
    co_return Status::Ok();
  }
  if (!begun_) {
    begun_ = true;
    CO_RETURN_IF_ERROR(sink_.BeginBody(meta, std::nullopt));
    if (!buffer_.empty()) {
      CO_RETURN_IF_ERROR(sink_.AppendBody(buffer_));
    }
  }
  co_return co_await sink_.AppendBody(bytes);
}

net::Task<Status> BodyFetch::Finish(const MessageMeta& meta) {
  if (begun_) {
    co_return co_await sink_.EndBody();
  }
  if (buffer_.empty() && meta.size > 0) {
    sink_.NoBody(meta, Status(Code::kMessageRejected, "the server has no text for this message"));
    co_return Status::Ok();
  }
  CO_RETURN_IF_ERROR(sink_.BeginBody(meta, buffer_.size()));
  if (!buffer_.empty()) {
    CO_RETURN_IF_ERROR(sink_.AppendBody(buffer_));
  }
  co_return co_await sink_.EndBody();
}

net::Task<Status> BodyFetch::DrainOversize(const MessageMeta& meta) {
  // First, so that it is settled even if the server goes on without end.
  sink_.NoBody(
      meta, Status(Code::kMessageRejected, "the message is larger than " +
                                               std::to_string(traits_.body_bytes_max) + " bytes"));
  co_return co_await connection_.SkipData(traits_.body_bytes_max * kDrainFactor);
}

void BodyFetch::SettleRefusals() {
  for (const auto& [meta, why] : refused_) {
    sink_.NoBody(*meta, why);
  }
  refused_.clear();
}

// A server that hangs up for a reason of its own says so with the same -ERR: no message is given up
// on its last word.
net::Task<Status> BodyFetch::ConfirmRefusals() {
  if (refused_.empty()) {
    co_return Status::Ok();
  }
  std::string command = "NOOP\r\n";
  CO_TRY(const StatusLine answer, connection_.Run(std::move(command), Body::kNone));
  if (answer.kind != StatusKind::kOk) {
    const Status refusal = ClassifyRefusal(answer, "NOOP", Code::kUnreachable);
    co_return refusal;
  }
  SettleRefusals();
  co_return Status::Ok();
}

}  // namespace

net::Task<Status> FetchMessageBodies(Connection& connection, const ServerTraits& traits,
                                     Maildrop& maildrop, std::span<const MessageMeta> messages,
                                     BodySink& sink) {
  BodyFetch fetch(connection, traits, maildrop, messages, sink);
  co_return co_await fetch.Run();
}

}  // namespace mailhaul::pop3
