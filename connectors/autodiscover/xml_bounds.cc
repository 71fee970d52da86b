#include "connectors/autodiscover/xml_bounds.h"

#include <string>

#include "base/text.h"

namespace mailhaul::autodiscover {
namespace {

Status Refused(const std::string& why) { return {Code::kProtocol, "the XML is refused: " + why}; }

// What begins at "<" or, for text that looks like markup, is skipped as a whole.
struct Span {
  std::string_view opening;
  std::string_view closing;
};
constexpr Span kOpaque[] = {{"<!--", "-->"}, {"<![CDATA[", "]]>"}, {"<?", "?>"}};

// The end of the tag that begins `text`, behind its ">"; quotes may hold one. npos: there is none.
size_t EndOfTag(std::string_view text) {
  char quote = '\0';
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quote != '\0') {
      quote = c == quote ? '\0' : quote;
    } else if (c == '"' || c == '\'') {
      quote = c;
    } else if (c == '>') {
      return i + 1;
    }
  }
  return std::string_view::npos;
}

// The bytes of the opaque part that begins `text`, or 0.
size_t OpaqueBytes(std::string_view text) {
  for (const Span& span : kOpaque) {
    if (text.starts_with(span.opening)) {
      const size_t end = text.find(span.closing, span.opening.size());
      return end == std::string_view::npos ? text.size() : end + span.closing.size();
    }
  }
  return 0;
}

}  // namespace

Status CheckXml(std::string_view xml) {
  if (xml.size() > kXmlBytesMax) {
    return Refused("more than " + std::to_string(kXmlBytesMax) + " bytes");
  }
  if (!IsValidUtf8(xml) || xml.find('\0') != std::string_view::npos) {
    return Refused("not UTF-8 text");
  }
  size_t depth = 0;
  for (size_t at = xml.find('<'); at != std::string_view::npos; at = xml.find('<', at)) {
    const std::string_view rest = xml.substr(at);
    if (const size_t opaque = OpaqueBytes(rest)) {
      at += opaque;
      continue;
    }
    if (rest.starts_with("<!")) {
      return Refused("it has a document type");
    }
    const size_t end = EndOfTag(rest);
    if (end == std::string_view::npos) {
      return Refused("a tag without an end");
    }
    if (rest.starts_with("</")) {
      depth -= depth > 0 ? 1 : 0;
    } else if (rest[end - 2] != '/' && ++depth > kXmlDepthMax) {
      return Refused("more than " + std::to_string(kXmlDepthMax) + " levels");
    }
    at += end;
  }
  return {};
}

}  // namespace mailhaul::autodiscover
