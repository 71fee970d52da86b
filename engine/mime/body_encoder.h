// Bodies as they go out (RFC 2045, 6): 7-bit clean, CRLF line ends, lines of at most 76 bytes.
#pragma once

#include <string>
#include <string_view>

namespace mailhaul::mime {

// Text with "\n" line ends that needs no encoding: ASCII without controls other than tabs, short
// lines, nothing at a line's begin or end that mail systems are known to change, and nothing that
// could be a boundary of BoundaryFrom().
bool IsCleanText(std::string_view text);
// The bytes of a message that may be attached without an encoding, by the same measure but for
// the length of lines: at most 998 bytes.
bool IsCleanMessage(std::string_view bytes);

// Appends the fields Content-Transfer-Encoding and the empty line, then the body. Line ends of
// `text` may be of any kind.
void AppendText(std::string_view text, std::string& out);
void AppendBase64(std::string_view bytes, std::string& out);
void AppendCleanMessage(std::string_view bytes, std::string& out);

// "\r\n" and "\r" to "\n".
std::string WithPlainLineEnds(std::string_view text);

// Begins with what neither quoted-printable nor base64 can hold (RFC 2045, 6.7).
inline constexpr std::string_view kBoundaryPrefix = "=_";

}  // namespace mailhaul::mime
