// LOGIN (draft-murchison-sasl-login): user name, then password, each on the server's request. For
// servers that offer nothing better.
#pragma once

#include "connectors/sasl/mechanism.h"

namespace mailhaul::sasl {

// The text of the two challenges differs between servers and is ignored.
std::unique_ptr<Mechanism> MakeLogin(const Credentials& credentials);

}  // namespace mailhaul::sasl
