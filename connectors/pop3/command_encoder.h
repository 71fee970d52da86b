// Builds the bytes of one POP3 command (RFC 1939 section 3). No socket.
//
// Text from outside is refused if it holds CR, LF or NUL, so that nobody's user name or password
// becomes a second command.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/secret.h"

namespace mailhaul::pop3 {

// "VERB argument" CRLF. kInvalidArgument, without the argument, when it cannot be sent.
Result<Secret> EncodeCommand(std::string_view verb, std::string_view argument);

// "VERB number" CRLF; with `suffix`, which is ours, behind the number.
std::string EncodeCommand(std::string_view verb, uint32_t number, std::string_view suffix = {});

}  // namespace mailhaul::pop3
