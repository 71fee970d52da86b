// When a message arrived, by its header: POP3 tells nothing else.
#pragma once

#include <optional>
#include <string_view>

#include "base/clock.h"

namespace mailhaul::pop3 {

// The date of the topmost Received field, else of the Date field; of fields that cannot be read the
// next one counts. `header` may be cut off anywhere.
std::optional<WallTime> ArrivalDate(std::string_view header);

// date-time of RFC 5322 section 3.3, with the obsolete zones, two-digit years and comments.
std::optional<WallTime> ParseMailDate(std::string_view text);

}  // namespace mailhaul::pop3
