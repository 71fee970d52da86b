// What a server's refusal means for the scheduler: from response code and text to a Status.
#pragma once

#include <string_view>

#include "base/status.h"
#include "connectors/imap/response.h"

namespace mailhaul::imap {

// `refusal`: a tagged NO or BAD, or an untagged BYE. kThrottled when the server asks for less (its
// code or a known text says so, with retry_after() if it names a wait); else `otherwise`.
// `what`: the command, for the message. The server's text is quoted escaped.
Status ClassifyRefusal(const Response& refusal, std::string_view what, Code otherwise);

// The same for a refused login: kAuthFailed when the credentials are meant, which is the default
// for NO; BAD without further reason is kServerRefused.
Status ClassifyLoginRefusal(const Response& refusal, std::string_view what);

}  // namespace mailhaul::imap
