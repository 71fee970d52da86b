// XOAUTH2, the form in which Google and Microsoft take OAuth 2.0 access tokens:
// "user=" USER ^A "auth=Bearer " TOKEN ^A ^A. A refusal comes as a challenge with JSON, which is
// answered with an empty response; then the server fails the command.
#pragma once

#include "connectors/sasl/mechanism.h"

namespace mailhaul::sasl {

// Neither user name nor token may hold control characters.
std::unique_ptr<Mechanism> MakeXoauth2(const Credentials& credentials);

}  // namespace mailhaul::sasl
