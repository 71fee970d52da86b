// APOP's digest (RFC 1939 section 7).
#pragma once

#include <string>
#include <string_view>

namespace mailhaul::pop3 {

// MD5 of timestamp and password, in lower-case hexadecimal digits.
std::string ApopDigest(std::string_view timestamp, std::string_view password);

}  // namespace mailhaul::pop3
