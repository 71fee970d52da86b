// What a message says, for a full text index: more than is shown, and in no readable order.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/byte_source.h"

namespace mailhaul::mime {

// Messages within messages are followed so far.
inline constexpr size_t kSearchDepthMax = 3;

// Gives `visit` the plain text of the bodies and of text attachments, HTML as text, and the
// subjects and texts of attached messages; in pieces, at most `bytes_max` in all. An HTML body
// counts besides its text/plain alternative where that says much less. What cannot be read is left
// out.
void VisitSearchText(const ByteSource& raw, size_t bytes_max,
                     const std::function<void(std::string_view)>& visit);

}  // namespace mailhaul::mime
