// PLAIN (RFC 4616): user name and password in one message.
#pragma once

#include "connectors/sasl/mechanism.h"

namespace mailhaul::sasl {

// Neither may hold NUL.
std::unique_ptr<Mechanism> MakePlain(const Credentials& credentials);

}  // namespace mailhaul::sasl
