// What a server's -ERR means for the scheduler: from response code and text to a Status.
#pragma once

#include <string_view>

#include "base/status.h"
#include "connectors/pop3/capabilities.h"
#include "connectors/pop3/response_parser.h"

namespace mailhaul::pop3 {

// kThrottled when the server asks for less (its code or a known text says so), kUnreachable when it
// is in trouble ([SYS/TEMP]), else `otherwise`. `what`: the command, for the message. The server's
// text is quoted escaped.
Status ClassifyRefusal(const StatusLine& refusal, std::string_view what, Code otherwise);

// The same for a refused login: kAuthFailed unless code or text mean something else. [LOGIN-DELAY]
// carries the wait that `capabilities` name, or kLoginDelayDefault.
Status ClassifyLoginRefusal(const StatusLine& refusal, std::string_view what,
                            const Capabilities& capabilities);

// Whether a refusal concerns the session, not the one command: throttling and server trouble.
bool ConcernsSession(const Status& refusal);

}  // namespace mailhaul::pop3
