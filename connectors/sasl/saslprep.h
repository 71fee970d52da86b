// The part of SASLprep (RFC 4013) that needs no tables of Unicode: recognising text that it leaves
// as it is.
#pragma once

#include <string_view>

namespace mailhaul::sasl {

// Whether SASLprep certainly changes nothing in `text` and prohibits nothing in it: printable
// ASCII, and the letters of Latin, Greek and Cyrillic scripts, kana, hanzi and hangul in composed
// form. False for everything else, also for what a full implementation would only have to
// normalise.
bool IsSaslPrepared(std::string_view text);

}  // namespace mailhaul::sasl
