#include "connectors/sasl/step.h"

#include <string>

namespace mailhaul::sasl {

Status UnexpectedChallenge(std::string_view mechanism, std::string_view challenge) {
  return {Code::kProtocol, std::string(mechanism) + ": the server sent a challenge of " +
                               std::to_string(challenge.size()) +
                               " bytes that does not belong here"};
}

Status EarlySuccess(std::string_view mechanism) {
  return {Code::kAuthFailed, std::string(mechanism) +
                                 ": the server reported success before the exchange was over; it "
                                 "may not be the server it seems to be"};
}

}  // namespace mailhaul::sasl
