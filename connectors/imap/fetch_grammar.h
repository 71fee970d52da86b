// The items of a FETCH response (RFC 9051 section 7.5.2). Part of the response parser.
#pragma once

#include <optional>
#include <string_view>

#include "base/clock.h"
#include "connectors/imap/limits.h"
#include "connectors/imap/response.h"
#include "connectors/imap/scanner.h"

namespace mailhaul::imap {

// From the space before "(" to the ")". Items unknown to us are skipped.
void ParseFetchItems(Scanner* scanner, FetchEntry* fetch);

// The same for a text that ends where a literal was announced; true when that literal
// is BODY[] or BODY[HEADER].
bool ParseFetchItemsUpToBody(Scanner* scanner, FetchEntry* fetch);

// "17-Jul-1996 02:44:25 -0700" (RFC 9051 date-time); the day may be padded with a space.
std::optional<WallTime> ParseInternalDate(std::string_view text);

}  // namespace mailhaul::imap
