// What XML may be before a parser sees it.
#pragma once

#include <string_view>

#include "base/status.h"

namespace mailhaul::autodiscover {

inline constexpr size_t kXmlBytesMax = 64 * 1024;
inline constexpr size_t kXmlDepthMax = 16;

// kProtocol: too large, too deep, not UTF-8 text, or with a document type (where entities and
// references to other files come from). Only what passes is worth parsing; it need not be right.
Status CheckXml(std::string_view xml);

}  // namespace mailhaul::autodiscover
