#include "connectors/pop3/connection.h"

#include <algorithm>
#include <span>
#include <utility>

#include "connectors/net/await_end.h"
#include "connectors/net/loop.h"
#include "connectors/pop3/pop3_session.h"

namespace mailhaul::pop3 {

void Connection::PrepareBuffer() {
  if (buffer_ == nullptr || (filled_ && buffer_bytes_ < kReadBufferBytesMax)) {
    buffer_bytes_ = buffer_ == nullptr ? kReadBufferBytesMin : buffer_bytes_ * 4;
    buffer_bytes_ = std::min(buffer_bytes_, kReadBufferBytesMax);
    buffer_ = std::make_unique_for_overwrite<char[]>(buffer_bytes_);
  }
}

Status Connection::NoteProgress(Duration waited, size_t bytes) {
  waited_ += waited;
  waited_bytes_ += bytes;
  if (waited_ < command_timeout_) {
    return {};
  }
  if (waited_bytes_ < kProgressBytesMin) {
    return {Code::kTimeout, "the server sends next to nothing: " + std::to_string(waited_bytes_) +
                                " bytes while we waited for it"};
  }
  waited_ = Duration::zero();
  waited_bytes_ = 0;
  return {};
}

net::Task<Status> Connection::ReadMore() {
  PrepareBuffer();
  const TimePoint begun = net::Loop::Current()->Now();
  stream_->SetDeadline(std::min(begun + command_timeout_, overall_deadline_));
  Result<size_t> bytes = co_await stream_->Read(std::span<char>(buffer_.get(), buffer_bytes_));
  if (!bytes.ok()) {
    co_return bytes.status();
  }
  // While the engine works on what we have, the server owes us nothing.
  stream_->SetDeadline(overall_deadline_);
  if (*bytes == 0) {
    co_return Status(Code::kUnreachable, in_body_
                                             ? "the server closed the connection within an answer"
                                             : "the server closed the connection");
  }
  received_anything_ = true;
  filled_ = *bytes == buffer_bytes_;
  input_ = std::string_view(buffer_.get(), *bytes);
  co_return NoteProgress(net::Loop::Current()->Now() - begun, *bytes);
}

net::Task<Result<ResponseParser::Event>> Connection::Next() {
  for (;;) {
    const Result<ResponseParser::Event> event = parser_.Next(&input_);
    if (!event.ok() || *event != ResponseParser::Event::kNeedMore) {
      co_return event;
    }
    CO_RETURN_IF_ERROR(ReadMore());
  }
}

net::Task<Status> Connection::Write(std::string_view bytes) {
  stream_->SetDeadline(std::min(net::Loop::Current()->Now() + command_timeout_, overall_deadline_));
  Status written = co_await stream_->Write(bytes);
  stream_->SetDeadline(overall_deadline_);
  co_return written;
}

net::Task<Result<StatusLine>> Connection::ReadStatus(Body body) {
  MH_CHECK(!in_body_);
  parser_.Expect(body);
  CO_TRY(const ResponseParser::Event event, Next());
  MH_CHECK(event == ResponseParser::Event::kStatus);
  waited_ = Duration::zero();
  waited_bytes_ = 0;
  in_body_ = body != Body::kNone && parser_.status().kind == StatusKind::kOk;
  lines_ = 0;
  line_bytes_ = 0;
  co_return StatusLine(parser_.status());
}

net::Task<Result<StatusLine>> Connection::Run(std::string command, Body body) {
  CO_RETURN_IF_ERROR(Write(command));
  co_return co_await ReadStatus(body);
}

net::Task<Result<bool>> Connection::ReadLine() {
  MH_CHECK(in_body_);
  CO_TRY(const ResponseParser::Event event, Next());
  in_body_ = event != ResponseParser::Event::kEnd;
  if (in_body_) {
    ++lines_;
    line_bytes_ += line().size();
    if (lines_ > kListingLinesMax || line_bytes_ > kListingBytesMax) {
      co_return Status(Code::kProtocol, "the server sends a listing without end");
    }
  }
  co_return in_body_;
}

net::Task<Result<bool>> Connection::ReadData() {
  MH_CHECK(in_body_);
  CO_TRY(const ResponseParser::Event event, Next());
  in_body_ = event != ResponseParser::Event::kEnd;
  co_return in_body_;
}

net::Task<Status> Connection::SkipData(uint64_t bytes_max) {
  uint64_t skipped = 0;
  while (in_body_) {
    CO_TRY(const bool more, ReadData());
    skipped += more ? data().size() : 0;
    if (skipped > bytes_max) {
      co_return Status(Code::kProtocol, "the server sends a message without end");
    }
  }
  co_return Status::Ok();
}

net::Task<void> Connection::AwaitEnd(TimePoint deadline) {
  co_await net::AwaitEnd(*stream_, deadline);
}

net::Task<void> Connection::Close() {
  stream_->SetDeadline(TimePoint::max());
  co_await stream_->Close();
}

}  // namespace mailhaul::pop3
