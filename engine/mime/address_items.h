// How many mailboxes an address list holds, by its separators alone (RFC 5322, section 3.4).
//
// Beside what a lenient parser finds it tells whether that one passed over something: who writes
// "To: @ Bob <bob@x.example>" is to learn of it rather than not to reach Bob.
#pragma once

#include <cstddef>
#include <string_view>

namespace mailhaul::mime {

// Items between commas, and members of groups, that are more than blanks and comments; a comment
// without an end is one too. `value` is a field's, folded or not; any bytes.
size_t CountAddressItems(std::string_view value);

}  // namespace mailhaul::mime
