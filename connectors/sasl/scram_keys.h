// The cryptography of SCRAM with SHA-256 (RFC 5802 section 3).
#pragma once

#include <string_view>

#include "base/result.h"
#include "base/secret.h"
#include "connectors/sasl/scram_message.h"

namespace mailhaul::sasl {

struct ScramProof {
  Secret client_proof;      // 32 bytes: ClientKey XOR ClientSignature.
  Secret server_signature;  // 32 bytes, which the server must show.
};

// Takes PBKDF2's time for first.iterations. kInternal when OpenSSL fails.
Result<ScramProof> ComputeScramProof(const Secret& password, const ServerFirst& first,
                                     std::string_view auth_message);

}  // namespace mailhaul::sasl
