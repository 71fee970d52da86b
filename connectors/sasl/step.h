// How all mechanisms tell of a server that leaves the order of their steps.
#pragma once

#include <string_view>

#include "base/status.h"

namespace mailhaul::sasl {

// kProtocol: `challenge` is not what `mechanism` expects next. Not quoted: it may repeat a secret
// that the server was sent.
Status UnexpectedChallenge(std::string_view mechanism, std::string_view challenge);
// kAuthFailed: success before the last step.
Status EarlySuccess(std::string_view mechanism);

}  // namespace mailhaul::sasl
