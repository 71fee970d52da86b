#include "connectors/smtp/connection.h"

#include <algorithm>

#include "connectors/net/await_end.h"
#include "connectors/net/loop.h"
#include "connectors/smtp/limits.h"

namespace mailhaul::smtp {

void Connection::ArmDeadline(Duration timeout) {
  stream_->SetDeadline(std::min(net::Loop::Current()->Now() + timeout, overall_deadline_));
}

net::Task<Result<Reply>> Connection::ReadReply(Duration timeout) {
  ArmDeadline(timeout);
  for (;;) {
    Result<bool> complete = parser_.Next(&input_);
    if (!complete.ok()) {
      co_return complete.status();
    }
    if (*complete) {
      break;
    }
    Result<size_t> bytes = co_await stream_->Read(buffer_);
    if (!bytes.ok()) {
      co_return bytes.status();
    }
    if (*bytes == 0) {
      co_return Status(Code::kUnreachable, peer_name() + " closed the connection");
    }
    received_anything_ = true;
    input_ = std::string_view(buffer_.data(), *bytes);
  }
  // While the caller works on what we have, the server owes us nothing.
  stream_->SetDeadline(overall_deadline_);
  closing_ = closing_ || parser_.reply().code == 421;
  co_return Reply(parser_.reply());
}

net::Task<Status> Connection::Write(std::string_view bytes, Duration timeout) {
  ArmDeadline(timeout);
  Status written = co_await stream_->Write(bytes);
  stream_->SetDeadline(overall_deadline_);
  co_return written;
}

Status Connection::CheckInStep() const {
  return NothingUnread()
             ? Status::Ok()
             : Status(Code::kProtocol, peer_name() + " sent a reply that no command asked for");
}

net::Task<Result<Reply>> Connection::Command(std::string line) {
  const Status before = CheckInStep();
  if (!before.ok()) {
    co_return before;
  }
  CO_RETURN_IF_ERROR(Write(line, kReplyTimeout));
  co_return co_await ReadReply(kReplyTimeout);
}

net::Task<void> Connection::AwaitEnd(TimePoint deadline) {
  co_await net::AwaitEnd(*stream_, deadline);
}

net::Task<void> Connection::Close() {
  stream_->SetDeadline(TimePoint::max());
  co_await stream_->Close();
}

}  // namespace mailhaul::smtp
