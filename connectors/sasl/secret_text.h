// Texts made of secrets, without copies left behind in freed memory.
#pragma once

#include <initializer_list>
#include <string_view>

#include "base/secret.h"

namespace mailhaul::sasl {

// `parts` one after the other.
Secret Concatenate(std::initializer_list<std::string_view> parts);

}  // namespace mailhaul::sasl
