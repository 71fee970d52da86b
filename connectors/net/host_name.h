// Host names in the one form that DNS, TLS and the destination gate see, however people wrote them.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace mailhaul::net {

inline constexpr size_t kHostBytesMax = 253;  // RFC 1035 section 2.3.4, without the root's dot.

// A literal address in its usual form, or a name in lower case without the dot of the root, where
// letters beyond ASCII have become xn-- labels (IDNA2008; UTS 46, non-transitional).
// kInvalidArgument: neither. A name whose last label is a number is none, because C libraries read
// "127.1", "0x7f000001" and "2130706433" as addresses.
Result<std::string> CanonicalHost(std::string_view host);

// A name, not an address, in the form that CanonicalHost() gives.
bool IsCanonicalName(std::string_view name);

}  // namespace mailhaul::net
