// OAUTHBEARER (RFC 7628). A refusal comes as a challenge with JSON, which is answered with one ^A;
// then the server fails the command.
#pragma once

#include "connectors/sasl/mechanism.h"

namespace mailhaul::sasl {

// Neither user name nor token may hold control characters.
std::unique_ptr<Mechanism> MakeOauthBearer(const Credentials& credentials,
                                           const MechanismContext& context);

}  // namespace mailhaul::sasl
