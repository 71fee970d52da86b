#include "connectors/pop3/for_each.h"

#include <algorithm>

#include "connectors/pop3/command_encoder.h"
#include "connectors/pop3/pop3_session.h"
#include "connectors/pop3/refusal.h"

namespace mailhaul::pop3 {
namespace {

// Whether the answer was positive.
net::Task<Result<bool>> ReadAnswer(Connection& connection, const ForEachCommand& command,
                                   size_t index, AnswerSink& sink) {
  CO_TRY(const StatusLine status, connection.ReadStatus(command.body));
  if (status.kind == StatusKind::kContinue) {
    co_return Status(Code::kProtocol, "the server asks for data that no command announced");
  }
  if (status.kind == StatusKind::kError) {
    const Status refused = ClassifyRefusal(status, command.verb, Code::kServerRefused);
    if (ConcernsSession(refused)) {
      co_return refused;
    }
    sink.OnRefused(index);
    co_return false;
  }
  sink.OnBegin(index, status);
  uint64_t bytes = 0;
  while (command.body == Body::kData) {
    CO_TRY(const bool more, connection.ReadData());
    if (!more) {
      break;
    }
    bytes += connection.data().size();
    if (bytes > command.body_bytes_max) {
      co_return Status(Code::kProtocol, "the server sends a message without end");
    }
    sink.OnData(index, connection.data());
  }
  sink.OnEnd(index);
  co_return true;
}

}  // namespace

net::Task<Status> ForEachMessage(Connection& connection, ForEachCommand command,
                                 std::span<const uint32_t> numbers, AnswerSink& sink) {
  size_t sent = 0;
  for (size_t answered = 0; answered < numbers.size(); ++answered) {
    // The first travels alone when it may be the last.
    const bool alone = !command.pipelined || (command.until_refused && answered == 0);
    // Half of what was in flight is answered before more is sent: fewer, larger writes.
    const size_t in_flight = sent - answered;
    const size_t in_flight_max = alone ? 1 : kPipelineMessagesMax;
    if (in_flight <= in_flight_max / 2 && !sink.done()) {
      std::string commands;
      while (sent < numbers.size() && sent - answered < in_flight_max) {
        commands += EncodeCommand(command.verb, numbers[sent], command.suffix);
        ++sent;
      }
      if (!commands.empty()) {
        CO_RETURN_IF_ERROR(connection.Write(commands));
      }
    }
    if (sent == answered) {
      break;
    }
    CO_TRY(const bool given, ReadAnswer(connection, command, answered, sink));
    if (!given && answered == 0 && command.until_refused) {
      break;
    }
  }
  co_return Status::Ok();
}

}  // namespace mailhaul::pop3
