// The lines of LIST and UIDL (RFC 1939 sections 5 and 7). No socket.
#pragma once

#include <cstdint>
#include <string_view>

namespace mailhaul::pop3 {

struct SizeLine {
  uint32_t number = 0;  // From 1.
  uint64_t size = 0;
};
// "number size ...": what follows is for people. Also the text of the answer to "LIST number".
// False: malformed.
bool ParseSizeLine(std::string_view line, SizeLine* out);

struct UniqueIdLine {
  uint32_t number = 0;
  std::string_view unique_id;  // Empty: missing, longer than kUniqueIdBytesMax, or not printable.
};
// "number unique-id". False: there is no number.
bool ParseUniqueIdLine(std::string_view line, UniqueIdLine* out);

}  // namespace mailhaul::pop3
