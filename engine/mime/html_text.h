// HTML mail as plain text: for previews and full-text search, not a faithful rendering.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace mailhaul::mime {

// Tags removed, block elements and <br> on new lines, character references resolved, white space
// folded, script, style and title dropped. One pass, linear in `html` whatever it holds; at most
// `bytes_max` bytes of valid UTF-8 if `html` is valid UTF-8.
std::string HtmlToText(std::string_view html, size_t bytes_max);

}  // namespace mailhaul::mime
