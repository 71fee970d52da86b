#include "engine/http/content_fields.h"

#include <algorithm>
#include <boost/url/encode.hpp>
#include <boost/url/rfc/unreserved_chars.hpp>

#include "base/text.h"

namespace mailhaul::http {
namespace {

bool IsAlphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool IsToken(std::string_view text) {
  for (const char c : text) {
    if (!IsAlphanumeric(c) && std::string_view("!#$%&'*+-.^_`|~").find(c) == text.npos) {
      return false;
    }
  }
  return !text.empty();
}

bool IsPrintableAscii(char c) { return c >= ' ' && c <= '~'; }

// The last part of a path, whichever way its separators lean.
std::string_view LastComponent(std::string_view name) {
  const size_t separator = name.find_last_of("/\\");
  return separator == std::string_view::npos ? name : name.substr(separator + 1);
}

std::string WithoutControls(std::string_view name) {
  std::string clean;
  for (const char c : ToValidUtf8(name)) {
    if (static_cast<unsigned char>(c) >= ' ' && c != 0x7F) {
      clean.push_back(c);
    }
  }
  return clean;
}

std::string SafeName(std::string_view filename) {
  const std::string clean = WithoutControls(filename);
  std::string_view name = LastComponent(clean);
  name.remove_prefix(std::min(name.find_first_not_of(". "), name.size()));
  return name.empty() ? "attachment" : std::string(name);
}

std::string QuotedAscii(std::string_view name) {
  std::string quoted = "\"";
  for (const char c : name) {
    if ((static_cast<unsigned char>(c) & 0xC0U) == 0x80U) {
      continue;  // The rest of a character that has its "_" already.
    }
    const bool plain = IsPrintableAscii(c) && c != '"' && c != '\\' && c != '%';
    quoted.push_back(plain ? c : '_');
  }
  return quoted + "\"";
}

}  // namespace

std::string SafeContentType(std::string_view content_type) {
  const size_t slash = content_type.find('/');
  const bool sound = slash != std::string_view::npos && IsToken(content_type.substr(0, slash)) &&
                     IsToken(content_type.substr(slash + 1));
  return sound ? std::string(content_type) : "application/octet-stream";
}

std::string AttachmentDisposition(std::string_view filename) {
  const std::string name = SafeName(filename);
  const std::string ascii = QuotedAscii(name);
  std::string field = "attachment; filename=" + ascii;
  if (ascii.size() != name.size() + 2 || ascii.substr(1, name.size()) != name) {
    field += "; filename*=UTF-8''" + boost::urls::encode(name, boost::urls::unreserved_chars);
  }
  return field;
}

}  // namespace mailhaul::http
