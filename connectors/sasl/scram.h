// SCRAM-SHA-256 and SCRAM-SHA-256-PLUS (RFC 5802, RFC 7677): the password is not shown, and the
// server proves that it knows it too. PLUS ties the login to the TLS connection.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "connectors/sasl/mechanism.h"

namespace mailhaul::sasl {

struct ScramOptions {
  std::string username;  // This and the password: as SASLprep leaves them (saslprep.h).
  Secret password;
  std::string client_nonce;  // Printable ASCII without ",".
  // What the TLS connection can be bound with. With `plus` the login is bound to it; else the
  // server is told that we could, so that it notices when somebody removed PLUS from its offer.
  std::optional<net::ChannelBinding> channel_binding;
  bool plus = false;  // Only with channel_binding.
};

std::unique_ptr<Mechanism> MakeScramSha256(ScramOptions options);
std::string MakeScramNonce(Random& random);

}  // namespace mailhaul::sasl
