#include "connectors/imap/idle.h"

#include <algorithm>
#include <string>
#include <utility>

#include "base/text.h"
#include "connectors/imap/refusal.h"
#include "connectors/net/loop.h"

namespace mailhaul::imap {
namespace {

Status Unexpected(const Response& response) {
  return {Code::kProtocol,
          "the server answered a command that was never sent: " + EscapeForLog(response.tag, 20)};
}

}  // namespace

void IdleWait::Stop() {
  stopped_ = true;
  End();
}

void IdleWait::End() {
  if (idling_ && !ended_) {
    ended_ = true;
    end_.Set(true);
  }
}

net::Task<void> IdleWait::SayDone(Connection& connection) {
  const bool end = co_await end_.Wait();
  static_cast<void>(end);
  // From now on the server owes an answer.
  connection.BeQuietUntil(net::Loop::Current()->Now());
  const Status written = co_await connection.WriteWhileIdle("DONE\r\n");
  static_cast<void>(written.ok());  // Whoever reads sees what is wrong.
}

net::Task<Status> IdleWait::Begin(Connection& connection, const std::string& tag) {
  const EncodedCommand command = PlainCommand(tag, "IDLE");
  CO_RETURN_IF_ERROR(connection.Write(command.parts.front()));
  for (;;) {
    CO_TRY(const ResponseParser::Event event, connection.Next());
    const Response& response = connection.response();
    if (event == ResponseParser::Event::kBody) {
      CO_RETURN_IF_ERROR(connection.SkipBody());
    } else if (response.kind == ResponseKind::kContinuation) {
      co_return Status::Ok();
    } else if (response.kind == ResponseKind::kTagged) {
      if (response.tag != tag || response.condition == Condition::kOk) {
        co_return Unexpected(response);
      }
      co_return ClassifyRefusal(response, "IDLE", Code::kServerRefused);
    } else if (response.kind == ResponseKind::kFetch) {
      connection.NoteNews();
    }
  }
}

net::Task<Status> IdleWait::UntilDone(Connection& connection, const std::string& tag) {
  for (;;) {
    if (connection.has_news()) {
      End();
    }
    CO_TRY(const ResponseParser::Event event, connection.Next());
    const Response& response = connection.response();
    if (event == ResponseParser::Event::kBody) {
      CO_RETURN_IF_ERROR(connection.SkipBody());
    } else if (response.kind == ResponseKind::kTagged) {
      if (response.tag != tag || !ended_) {
        co_return Unexpected(response);
      }
      co_return Status::Ok();
    } else if (response.kind == ResponseKind::kContinuation) {
      co_return UnexpectedContinuation();
    } else if (response.kind == ResponseKind::kFetch) {
      connection.NoteNews();
    }
  }
}

net::Task<Status> IdleWait::Idle(Connection& connection, std::string tag, TimePoint end) {
  net::Loop* const loop = net::Loop::Current();
  idling_ = true;
  ended_ = false;
  saying_done_.Spawn(SayDone(connection));
  connection.BeQuietUntil(end);
  std::function<void()> on_timer = [this] { End(); };
  const net::Loop::TimerId timer = loop->AddTimer(end, std::move(on_timer));
  if (stopped_) {
    End();
  }
  Status idled = co_await UntilDone(connection, tag);
  loop->CancelTimer(timer);
  End();  // After a failure, so that SayDone() ends as well.
  co_await saying_done_.Drain();
  idling_ = false;
  co_return idled;
}

net::Task<Result<bool>> IdleWait::Run(Connection& connection, Duration wait_max) {
  net::Loop* const loop = net::Loop::Current();
  const TimePoint until = loop->Now() + wait_max;
  stopped_ = false;
  while (!connection.has_news() && !stopped_ && loop->Now() < until) {
    std::string tag = connection.NextTag();
    CO_RETURN_IF_ERROR(Begin(connection, tag));
    const TimePoint end = std::min(until, loop->Now() + kIdleTime);
    CO_RETURN_IF_ERROR(Idle(connection, std::move(tag), end));
  }
  co_return connection.TakeNews();
}

}  // namespace mailhaul::imap
