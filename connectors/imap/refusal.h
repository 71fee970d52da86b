// What a server's refusal means for the scheduler: from response code and text to a Status.
//
// The table of what providers say is in refusal.cc; tests/imap/refusal_test.cc has a row for each.
#pragma once

#include <string_view>

#include "base/status.h"
#include "connectors/imap/response.h"

namespace mailhaul::imap {

// `refusal`: a tagged NO or BAD, or an untagged BYE. kThrottled when the server asks for less (its
// code or a known text says so, with retry_after() if it names a wait); kAuthFailed when the login
// of before no longer counts (an access token that has expired meanwhile: refresh it; a session the
// provider wants confirmed); else `otherwise`. `what`: the command, for the message. The server's
// text is quoted escaped.
Status ClassifyRefusal(const Response& refusal, std::string_view what, Code otherwise);

// The same for a refused login: kAuthFailed when the credentials are meant, which is the default
// for NO; BAD without further reason is kServerRefused.
Status ClassifyLoginRefusal(const Response& refusal, std::string_view what);

// kThrottled when a response that refuses nothing (tagged OK, untagged OK or NO) says that the
// server wants less. [OVERQUOTA] alone does not: there it speaks of the user's storage.
Status HintOfThrottling(const Response& response);

}  // namespace mailhaul::imap
