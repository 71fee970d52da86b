// Why a server refused an access token, as XOAUTH2 and OAUTHBEARER (RFC 7628 section 3.2.2) tell
// it: a JSON object in a last challenge.
#pragma once

#include <string>
#include <string_view>

#include "base/secret.h"
#include "base/status.h"

namespace mailhaul::sasl {

// Collects the explanation between the challenge and the server's final failure.
class TokenRefusal final {
 public:
  void Read(std::string_view challenge, const Secret& access_token);
  bool given() const { return given_; }
  // See Mechanism::Refused(). Without an explanation: `refusal`. One that speaks of the server
  // (5xx, 429) makes it kThrottled: the token may be good. One that speaks of the token makes it
  // kAuthFailed, unless the refusal itself is a throttling.
  Status Explain(const Status& refusal) const;

 private:
  bool given_ = false;
  std::string status_;  // "401", "invalid_token"; "" when the explanation was not readable.
};

}  // namespace mailhaul::sasl
