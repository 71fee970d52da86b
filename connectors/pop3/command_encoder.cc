#include "connectors/pop3/command_encoder.h"

#include "connectors/pop3/pop3_session.h"

namespace mailhaul::pop3 {

Result<Secret> EncodeCommand(std::string_view verb, std::string_view argument) {
  constexpr std::string_view kForbidden("\r\n\0", 3);
  if (argument.find_first_of(kForbidden) != std::string_view::npos) {
    return Status(Code::kInvalidArgument,
                  "an argument of a POP3 command contains a line end or NUL");
  }
  if (argument.size() > kArgumentBytesMax) {
    return Status(Code::kInvalidArgument, "an argument of a POP3 command is too long");
  }
  std::string command;
  command.reserve(verb.size() + argument.size() + 3);  // No copy of a secret is left behind.
  command += verb;
  command += ' ';
  command += argument;
  command += "\r\n";
  return Secret(std::move(command));
}

std::string EncodeCommand(std::string_view verb, uint32_t number, std::string_view suffix) {
  std::string command(verb);
  command += ' ';
  command += std::to_string(number);
  command += suffix;
  command += "\r\n";
  return command;
}

}  // namespace mailhaul::pop3
