// The strict syntax of what goes between "<" and ">" (RFC 5321 section 4.1.2, RFC 6531).
#pragma once

#include <string_view>

#include "base/status.h"

namespace mailhaul::smtp {

// Whether `address` is a mailbox: a dot-string or quoted string, "@", and a domain or an address
// literal, in their lengths (limits.h). kInvalidArgument says what is wrong.
//
// Stricter than the grammar in one point: "<" and ">" are refused inside quoted strings too,
// because servers find the end of a path by looking for ">". Non-ASCII must be valid UTF-8 without
// control characters, line separators and direction marks.
Status CheckMailbox(std::string_view address);

// A domain of LDH labels, or an address literal: what EHLO may say.
Status CheckClientName(std::string_view name);

// Needs SMTPUTF8.
bool HasNonAscii(std::string_view text);

}  // namespace mailhaul::smtp
