#include "connectors/pop3/listing_commands.h"

#include <algorithm>
#include <string>

#include "base/text.h"
#include "connectors/pop3/listing.h"
#include "connectors/pop3/refusal.h"
#include "connectors/pop3/unique_key.h"

namespace mailhaul::pop3 {
namespace {

// Sends `verb`; then its lines are to be read.
net::Task<Status> Begin(Connection& connection, std::string verb) {
  std::string command = verb + "\r\n";
  CO_TRY(const StatusLine answer, connection.Run(std::move(command), Body::kLines));
  if (answer.kind == StatusKind::kContinue) {
    co_return Status(Code::kProtocol, "the server asks for data that no command announced");
  }
  co_return answer.kind == StatusKind::kOk ? Status::Ok()
                                           : ClassifyRefusal(answer, verb, Code::kServerRefused);
}

Status BadLine(std::string_view line) {
  return {Code::kProtocol, "the server sent a malformed listing: " + EscapeForLog(line, 80)};
}

// By number. A number that stands twice makes the whole listing worthless.
template <typename Numbered>
Status Sort(std::vector<Numbered>* listed) {
  std::sort(listed->begin(), listed->end(),
            [](const Numbered& a, const Numbered& b) { return a.number < b.number; });
  const auto twice =
      std::adjacent_find(listed->begin(), listed->end(),
                         [](const Numbered& a, const Numbered& b) { return a.number == b.number; });
  if (twice != listed->end()) {
    return {Code::kProtocol,
            "the server lists message " + std::to_string(twice->number) + " twice"};
  }
  return {};
}

}  // namespace

net::Task<Result<std::vector<NumberedSize>>> ListSizes(Connection& connection) {
  std::string verb = "LIST";
  CO_RETURN_IF_ERROR(Begin(connection, std::move(verb)));
  std::vector<NumberedSize> listed;
  for (;;) {
    CO_TRY(const bool more, connection.ReadLine());
    if (!more) {
      break;
    }
    SizeLine line;
    if (!ParseSizeLine(connection.line(), &line)) {
      co_return BadLine(connection.line());
    }
    listed.push_back({.number = line.number, .size = line.size});
  }
  const Status sorted = Sort(&listed);
  if (!sorted.ok()) {
    co_return sorted;
  }
  co_return listed;
}

net::Task<Result<std::vector<NumberedKey>>> ListUniqueIds(Connection& connection) {
  std::string verb = "UIDL";
  CO_RETURN_IF_ERROR(Begin(connection, std::move(verb)));
  KeyHasher hasher;
  std::vector<NumberedKey> listed;
  for (;;) {
    CO_TRY(const bool more, connection.ReadLine());
    if (!more) {
      break;
    }
    UniqueIdLine line;
    if (!ParseUniqueIdLine(connection.line(), &line)) {
      co_return BadLine(connection.line());
    }
    NumberedKey message;
    message.number = line.number;
    message.unusable = line.unique_id.empty();
    if (!message.unusable) {
      hasher.Begin(KeyKind::kUniqueId);
      hasher.AddBytes(line.unique_id);
      message.key = hasher.Finish();
    }
    listed.push_back(message);
  }
  const Status sorted = Sort(&listed);
  if (!sorted.ok()) {
    co_return sorted;
  }
  co_return listed;
}

}  // namespace mailhaul::pop3
