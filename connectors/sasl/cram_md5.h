// CRAM-MD5 (RFC 2195): HMAC-MD5 of a challenge of the server's choice, keyed with the password. A
// listener or a false server can try passwords against it offline, hence only on explicit request.
#pragma once

#include "connectors/sasl/mechanism.h"

namespace mailhaul::sasl {

std::unique_ptr<Mechanism> MakeCramMd5(const Credentials& credentials);

}  // namespace mailhaul::sasl
