#include "connectors/sasl/step.h"

#include <string>

#include "base/text.h"

namespace mailhaul::sasl {

Status UnexpectedChallenge(std::string_view mechanism, std::string_view challenge) {
  constexpr size_t kShownBytesMax = 60;
  return {Code::kProtocol, std::string(mechanism) +
                               ": the server sent a challenge that does not belong here: \"" +
                               EscapeForLog(challenge, kShownBytesMax) + "\""};
}

Status EarlySuccess(std::string_view mechanism) {
  return {Code::kAuthFailed, std::string(mechanism) +
                                 ": the server reported success before the exchange was over; it "
                                 "may not be the server it seems to be"};
}

}  // namespace mailhaul::sasl
