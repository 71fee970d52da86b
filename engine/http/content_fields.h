// Header fields of answers whose values come from mail: whatever a sender wrote, they are one line
// and mean what they say.
#pragma once

#include <string>
#include <string_view>

namespace mailhaul::http {

// "type/subtype" if it is made of tokens (RFC 9110 section 8.3.1), else application/octet-stream.
std::string SafeContentType(std::string_view content_type);

// attachment, with the name (RFC 6266): without folders, control characters and leading dots; in
// UTF-8 (RFC 8187) beside an ASCII form. `filename` empty: "attachment".
std::string AttachmentDisposition(std::string_view filename);

}  // namespace mailhaul::http
