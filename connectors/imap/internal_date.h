// Dates as commands write them (RFC 9051 section 9: date-time, date). Reading them is part of the
// grammar of FETCH (fetch_grammar.h).
#pragma once

#include <string>

#include "base/clock.h"

namespace mailhaul::imap {

// "17-Jul-1996 02:44:25 +0000", for APPEND.
std::string FormatInternalDate(WallTime time);
// "1-Feb-2024", for SEARCH. In UTC.
std::string FormatDate(WallTime time);

}  // namespace mailhaul::imap
