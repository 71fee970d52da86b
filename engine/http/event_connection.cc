// The part of Connection that streams changes (server-sent events of the HTML standard).
#include <utility>

#include "engine/http/connection.h"

namespace mailhaul::http {
namespace {

constexpr std::string_view kHeartbeat = ":\n\n";
// Browsers wait so long before they connect again.
constexpr std::string_view kFirstLines = "retry: 3000\n\n";

Response TooManyStreams() {
  Response response =
      Problem(429, "too_many_streams",
              "at most " + std::to_string(kStreamsPerTokenMax) + " event streams per token");
  response.headers.push_back({.name = "Retry-After", .value = "15"});
  return response;
}

}  // namespace

net::Task<std::optional<Response>> Connection::StreamChanges(Call call) {
  stream_->SetDeadline(TimePoint::max());
  const std::unique_ptr<ChangeStreams::Seat> seat = context_.streams.Open(call.tenant, call.token);
  if (seat == nullptr) {
    co_return TooManyStreams();
  }
  EventPage page = co_await context_.dispatcher.Events(call, std::nullopt);
  if (page.failure.has_value()) {
    co_return std::move(page.failure);
  }
  bool going_on = co_await BeginStream();
  net::Loop* loop = net::Loop::Current();
  TimePoint last_sent = loop->Now();
  // One page at a time, and none is read before the last is written: a slow client holds no more.
  while (going_on) {
    const TimePoint now = loop->Now();
    if (page.text.empty() && now - last_sent >= kHeartbeatTime) {
      page.text = kHeartbeat;
    }
    if (!page.text.empty()) {
      last_sent = now;
      going_on = co_await SendEvents(std::move(page.text));
    }
    if (going_on && !page.more && !context_.stopping) {
      stream_->SetDeadline(TimePoint::max());
      const TimePoint when = loop->Now() + kChangePollTime;
      co_await seat->WaitUntil(when);
    }
    if (!going_on || context_.stopping || !context_.dispatcher.MayRead(call)) {
      break;
    }
    std::optional<store::ChangePosition> from = std::move(page.position);
    page = co_await context_.dispatcher.Events(call, std::move(from));
    going_on = !page.failure.has_value();  // The client asks again, and is told why.
  }
  co_return std::nullopt;
}

net::Task<bool> Connection::BeginStream() {
  Response response;
  response.content_type = "text/event-stream";
  response.until_close = true;
  response.body = kFirstLines;
  // nginx would collect the events before it hands them on.
  response.headers.push_back({.name = "X-Accel-Buffering", .value = "no"});
  co_return co_await Send(std::move(response), false);
}

net::Task<bool> Connection::SendEvents(std::string text) {
  context_.answer_bytes += text.size();
  const bool sent = co_await SendPieces(text);
  context_.answer_bytes -= text.size();
  co_return sent;
}

}  // namespace mailhaul::http
