// Text from outside, made safe and measured for a terminal.
#pragma once

#include <string>
#include <string_view>

namespace mailhaul::app {

// `text` as a terminal may show it in at most `columns` columns. Nothing in it can move the cursor,
// change a colour or turn the direction of what follows: control characters, malformed UTF-8 and
// what has no picture become '?', invisible formatting characters vanish, and no character carries
// more than two combining marks. What is too long ends in an ellipsis. Without `unicode` every
// character outside ASCII is a '?'.
std::string TerminalText(std::string_view text, size_t columns, bool unicode);

// Columns that a result of TerminalText() fills.
size_t TerminalWidth(std::string_view text);

}  // namespace mailhaul::app
