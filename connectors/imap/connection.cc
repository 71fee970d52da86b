#include "connectors/imap/connection.h"

#include <algorithm>
#include <span>
#include <utility>

#include "base/text.h"
#include "connectors/imap/refusal.h"
#include "connectors/net/await_end.h"
#include "connectors/net/deflate_stream.h"
#include "connectors/net/loop.h"

namespace mailhaul::imap {
namespace {

Status AsFailure(const Response& bye) {
  const Status status = ClassifyRefusal(bye, "the session", Code::kUnreachable);
  const bool tells_more = status.code() == Code::kThrottled || status.code() == Code::kAuthFailed;
  return tells_more ? status : Status(Code::kUnreachable, status.message());
}

}  // namespace

Status UnexpectedContinuation() {
  return {Code::kProtocol, "the server asks for data that no command announced"};
}

void Connection::ArmDeadline() {
  const TimePoint from = std::max(net::Loop::Current()->Now(), quiet_until_);
  const Duration allowed =
      kCommandTimeMax + std::chrono::seconds(bytes_read_ / kBytesPerSecondMin) - waited_;
  stream_->SetDeadline(std::min(from + std::min(command_timeout_, allowed), overall_deadline_));
}

void Connection::PrepareBuffer() {
  if (buffer_ == nullptr || (filled_ && buffer_bytes_ < kReadBufferBytesMax)) {
    buffer_bytes_ = buffer_ == nullptr ? kReadBufferBytesMin : buffer_bytes_ * 4;
    buffer_bytes_ = std::min(buffer_bytes_, kReadBufferBytesMax);
    buffer_ = std::make_unique_for_overwrite<char[]>(buffer_bytes_);
  }
}

net::Task<Status> Connection::ReadMore() {
  PrepareBuffer();
  ArmDeadline();
  const TimePoint before = net::Loop::Current()->Now();
  Result<size_t> bytes = co_await stream_->Read(std::span<char>(buffer_.get(), buffer_bytes_));
  if (!bytes.ok()) {
    co_return bytes.status();
  }
  // While the engine works on what we have, the server owes us nothing.
  stream_->SetDeadline(overall_deadline_);
  if (*bytes == 0) {
    co_return Status(Code::kUnreachable, body_left_ > 0
                                             ? "the server closed the connection within a message"
                                             : "the server closed the connection");
  }
  received_anything_ = true;
  bytes_read_ += *bytes;
  const TimePoint now = net::Loop::Current()->Now();
  if (now > quiet_until_) {
    waited_ += now - std::max(before, quiet_until_);
  }
  filled_ = *bytes == buffer_bytes_;
  input_ = std::string_view(buffer_.get(), *bytes);
  co_return Status::Ok();
}

net::Task<Result<ResponseParser::Event>> Connection::Next() {
  MH_CHECK(body_left_ == 0);
  for (;;) {
    Result<ResponseParser::Event> event = parser_.Next(&input_);
    if (!event.ok()) {
      co_return event.status();
    }
    if (*event == ResponseParser::Event::kBody) {
      body_left_ = parser_.body_bytes();
      co_return *event;
    }
    if (*event == ResponseParser::Event::kResponse) {
      if (++responses_ > kResponsesPerCommandMax) {
        co_return Status(Code::kProtocol, "the server sent too many responses to one command");
      }
      if (response().condition == Condition::kBye) {
        co_return AsFailure(response());
      }
      if (!Observe(response())) {
        continue;
      }
      co_return *event;
    }
    CO_RETURN_IF_ERROR(ReadMore());
  }
}

net::Task<Result<std::string_view>> Connection::ReadBody() {
  MH_CHECK(body_left_ > 0);
  if (input_.empty()) {
    CO_RETURN_IF_ERROR(ReadMore());
  }
  const std::string_view chunk =
      input_.substr(0, static_cast<size_t>(std::min<uint64_t>(body_left_, input_.size())));
  input_.remove_prefix(chunk.size());
  body_left_ -= chunk.size();
  co_return chunk;
}

net::Task<Status> Connection::SkipBody() {
  while (body_left_ > 0) {
    CO_TRY(const std::string_view chunk, ReadBody());
    static_cast<void>(chunk);
  }
  co_return Status::Ok();
}

bool Connection::Observe(const Response& response) {
  if (response.condition != Condition::kNone && throttle_hint_.ok()) {
    throttle_hint_ = HintOfThrottling(response);
  }
  switch (response.kind) {
    case ResponseKind::kExists:
      news_ = news_ || response.number != messages_;
      messages_ = response.number;
      return true;
    case ResponseKind::kExpunge:
      news_ = true;
      messages_ -= std::min<uint32_t>(messages_, 1);
      return true;
    case ResponseKind::kVanished:
      if (!response.earlier) {
        news_ = true;
        messages_ -= static_cast<uint32_t>(std::min<uint64_t>(messages_, response.uids.size()));
      }
      return true;
    case ResponseKind::kEnabled:
      for (const std::string& name : asked_to_enable_) {
        const std::vector<std::string>& told = response.capabilities;
        if (!enabled(name) && std::find(told.begin(), told.end(), name) != told.end()) {
          enabled_.push_back(name);
        }
      }
      return true;
    case ResponseKind::kNamespace:
      namespaces_ = response.namespaces;
      return true;
    case ResponseKind::kTagged:
      if (response.tag == enable_tag_) {
        enable_tag_.clear();
      }
      return std::erase(aside_tags_, response.tag) == 0;
    default:
      return true;
  }
}

void Connection::Append(EncodedCommand command) {
  MH_CHECK(command.parts.size() == 1);
  aside_ += command.parts.front();
}

void Connection::SendAside(EncodedCommand command) {
  aside_tags_.push_back(command.tag);
  Append(std::move(command));
}

void Connection::AskNamespaces() {
  if (!std::exchange(asked_namespaces_, true)) {
    SendAside(PlainCommand(NextTag(), "NAMESPACE"));
  }
}

void Connection::Enable(std::vector<std::string> names) {
  std::string text = "ENABLE";
  for (const std::string& name : names) {
    text += " " + name;
  }
  asked_to_enable_ = std::move(names);
  enable_tag_ = NextTag();
  SendAside(PlainCommand(enable_tag_, text));
}

bool Connection::may_enable(std::string_view name) const {
  const bool asked =
      std::find(asked_to_enable_.begin(), asked_to_enable_.end(), name) != asked_to_enable_.end();
  return asked && (!enable_tag_.empty() || enabled(name));
}

bool Connection::enabled(std::string_view name) const {
  return std::find(enabled_.begin(), enabled_.end(), name) != enabled_.end();
}

net::Task<Status> Connection::Write(std::string_view bytes) {
  responses_ = 0;
  waited_ = Duration::zero();
  bytes_read_ = 0;
  ArmDeadline();
  std::string together;
  if (!aside_.empty()) {
    together = std::exchange(aside_, std::string());
    together += bytes;
    bytes = together;
  }
  Status written = co_await stream_->Write(bytes);
  stream_->SetDeadline(overall_deadline_);
  co_return written;
}

net::Task<Result<Response>> Connection::Run(EncodedCommand command, UntaggedHandler& handler) {
  CO_RETURN_IF_ERROR(Write(command.parts.front()));
  co_return co_await AwaitRest(std::move(command), handler);
}

net::Task<Result<Response>> Connection::Await(std::string tag, UntaggedHandler& handler) {
  EncodedCommand command;
  command.tag = std::move(tag);
  command.parts.resize(1);
  return AwaitRest(std::move(command), handler);
}

// All but the first part is still to be sent.
net::Task<Result<Response>> Connection::AwaitRest(EncodedCommand command,
                                                  UntaggedHandler& handler) {
  size_t parts_sent = 1;
  for (;;) {
    CO_TRY(const ResponseParser::Event event, Next());
    if (event == ResponseParser::Event::kBody) {
      CO_RETURN_IF_ERROR(SkipBody());
    } else if (response().kind == ResponseKind::kTagged) {
      if (response().tag != command.tag) {
        co_return Status(Code::kProtocol, "the server answered a command that was never sent: " +
                                              EscapeForLog(response().tag, 20));
      }
      co_return Response(response());
    } else if (response().kind == ResponseKind::kContinuation) {
      if (parts_sent == command.parts.size()) {
        co_return UnexpectedContinuation();
      }
      CO_RETURN_IF_ERROR(Write(command.parts[parts_sent]));
      ++parts_sent;
    } else {
      Status handled = handler.OnUntagged(response());
      if (!handled.ok()) {
        co_return handled;
      }
    }
  }
}

void Connection::BeQuietUntil(TimePoint until) {
  quiet_until_ = until;
  ArmDeadline();
}

void Connection::StartDeflate() {
  MH_CHECK(parser_.idle());
  std::string received(input_);
  input_ = {};
  stream_ = net::MakeDeflateStream(std::move(stream_), std::move(received));
}

net::Task<void> Connection::AwaitEnd(TimePoint deadline) {
  co_await net::AwaitEnd(*stream_, deadline);
}

net::Task<void> Connection::Close() {
  stream_->SetDeadline(TimePoint::max());
  co_await stream_->Close();
}

}  // namespace mailhaul::imap
