#include "connectors/smtp/address.h"

#include <string>

#include "base/text.h"
#include "connectors/net/network.h"
#include "connectors/smtp/limits.h"

namespace mailhaul::smtp {
namespace {

bool IsNonAscii(char c) { return static_cast<unsigned char>(c) >= 0x80; }

bool IsAlphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool IsAtomCharacter(char c) {
  constexpr std::string_view kSpecials = "!#$%&'*+-/=?^_`{|}~";
  return IsAlphanumeric(c) || IsNonAscii(c) || kSpecials.find(c) != std::string_view::npos;
}

bool IsDotString(std::string_view text) {
  bool in_atom = false;
  for (const char c : text) {
    if (c == '.' ? !in_atom : !IsAtomCharacter(c)) {
      return false;
    }
    in_atom = c != '.';
  }
  return in_atom;
}

bool IsQuotedString(std::string_view text) {
  if (text.size() < 2 || text.front() != '"' || text.back() != '"') {
    return false;
  }
  text = text.substr(1, text.size() - 2);
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\') {
      ++i;  // A quoted pair.
      if (i == text.size() || IsNonAscii(text[i])) {
        return false;
      }
    } else if (text[i] == '"') {
      return false;
    }
    const bool printable = (text[i] >= ' ' && text[i] <= '~') || IsNonAscii(text[i]);
    if (!printable || text[i] == '<' || text[i] == '>') {
      return false;
    }
  }
  return true;
}

bool IsLabel(std::string_view label, bool allow_utf8) {
  if (label.empty() || label.size() > 63 || label.front() == '-' || label.back() == '-') {
    return false;
  }
  for (const char c : label) {
    if (!IsAlphanumeric(c) && c != '-' && !(allow_utf8 && IsNonAscii(c))) {
      return false;
    }
  }
  return true;
}

bool IsDomain(std::string_view domain, bool allow_utf8) {
  for (;;) {
    const size_t dot = domain.find('.');
    if (!IsLabel(domain.substr(0, dot), allow_utf8)) {
      return false;
    }
    if (dot == std::string_view::npos) {
      return true;
    }
    domain.remove_prefix(dot + 1);
  }
}

bool IsAddressLiteral(std::string_view text) {
  if (text.size() < 3 || text.front() != '[' || text.back() != ']') {
    return false;
  }
  text = text.substr(1, text.size() - 2);
  constexpr std::string_view kIpv6 = "IPv6:";
  const bool is_v6 = StartsWithIgnoreCase(text, kIpv6);
  if (is_v6) {
    text.remove_prefix(kIpv6.size());
  }
  // An IPv4-mapped address is read as IPv4: so the form decides, not the value.
  return net::IpAddress::Parse(text).ok() && is_v6 == (text.find(':') != std::string_view::npos);
}

char32_t DecodeOne(std::string_view text, size_t* bytes) {
  const auto first = static_cast<unsigned char>(text.front());
  *bytes = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  char32_t point = first & (0xFFU >> (*bytes + 1));
  for (size_t i = 1; i < *bytes; ++i) {
    point = (point << 6) | (static_cast<unsigned char>(text[i]) & 0x3FU);
  }
  return point;
}

// Characters that end lines, hide, or reorder what people read.
bool IsForbidden(char32_t point) {
  return point < 0xA0 || (point >= 0x200B && point <= 0x200F) ||
         (point >= 0x2028 && point <= 0x202E) || (point >= 0x2060 && point <= 0x206F) ||
         point == 0xFEFF || (point >= 0xFFF0 && point <= 0xFFFF) || (point & 0xFFFEU) == 0xFFFE;
}

bool IsAcceptableUtf8(std::string_view text) {
  if (!IsValidUtf8(text)) {
    return false;
  }
  while (!text.empty()) {
    size_t bytes = 1;
    if (IsNonAscii(text.front()) && IsForbidden(DecodeOne(text, &bytes))) {
      return false;
    }
    text.remove_prefix(bytes);
  }
  return true;
}

Status Refuse(std::string_view address, std::string_view why) {
  return {Code::kInvalidArgument,
          "the address " + EscapeForLog(address) + " cannot be used: " + std::string(why)};
}

}  // namespace

bool HasNonAscii(std::string_view text) {
  for (const char c : text) {
    if (IsNonAscii(c)) {
      return true;
    }
  }
  return false;
}

Status CheckMailbox(std::string_view address) {
  if (address.size() > kMailboxBytesMax) {
    return Refuse(address, "it is longer than " + std::to_string(kMailboxBytesMax) + " bytes");
  }
  const size_t at = address.rfind('@');
  if (at == std::string_view::npos) {
    return Refuse(address, "it has no @");
  }
  const std::string_view local = address.substr(0, at);
  const std::string_view domain = address.substr(at + 1);
  if (local.size() > kLocalPartBytesMax || domain.size() > kDomainBytesMax) {
    return Refuse(address, "the part before or behind the @ is too long");
  }
  if (!IsAcceptableUtf8(address)) {
    return Refuse(address, "it is not UTF-8, or holds invisible characters");
  }
  if (!IsDotString(local) && !IsQuotedString(local)) {
    return Refuse(address, "the part before the @ holds characters that are not allowed there");
  }
  if (!IsDomain(domain, true) && !IsAddressLiteral(domain)) {
    return Refuse(address, "the part behind the @ is not a domain");
  }
  return {};
}

Status CheckClientName(std::string_view name) {
  if (name.size() > kDomainBytesMax || (!IsDomain(name, false) && !IsAddressLiteral(name))) {
    return {Code::kInvalidArgument,
            "the client name " + EscapeForLog(name) + " is neither a domain nor an [address]"};
  }
  return {};
}

}  // namespace mailhaul::smtp
