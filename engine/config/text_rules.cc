#include "engine/config/text_rules.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "base/text.h"

namespace mailhaul::config {
namespace {

constexpr size_t kLabelBytesMax = 63;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

bool IsLetterOrDigit(char c) {
  const char lower = AsciiLower(c);
  return IsDigit(c) || (lower >= 'a' && lower <= 'z');
}

bool IsLabel(std::string_view label) {
  return !label.empty() && label.size() <= kLabelBytesMax && label.front() != '-' &&
         label.back() != '-' && std::all_of(label.begin(), label.end(), [](char c) {
           return IsLetterOrDigit(c) || c == '-' || c == '_';
         });
}

}  // namespace

bool IsName(std::string_view text, size_t bytes_max) {
  constexpr std::string_view kSigns = "._-@+";
  return !text.empty() && text.size() <= bytes_max && text != "." && text != ".." &&
         std::all_of(text.begin(), text.end(), [&](char c) {
           return IsLetterOrDigit(c) || kSigns.find(c) != std::string_view::npos;
         });
}

bool IsVariableName(std::string_view text) {
  constexpr size_t kBytesMax = 255;
  return !text.empty() && text.size() <= kBytesMax && !IsDigit(text.front()) &&
         std::all_of(text.begin(), text.end(),
                     [](char c) { return IsLetterOrDigit(c) || c == '_'; });
}

bool IsMailAddress(std::string_view text) {
  const size_t at = text.rfind('@');
  return text.size() <= kMailAddressBytesMax && at != std::string_view::npos && at > 0 &&
         at + 1 < text.size() && text.find_first_of(" \t<>,;()") == std::string_view::npos;
}

std::optional<std::string> CanonicalIp(std::string_view text) {
  const std::string source(text);
  if (source.size() >= INET6_ADDRSTRLEN || source.find('\0') != std::string::npos) {
    return std::nullopt;
  }
  std::array<unsigned char, sizeof(in6_addr)> binary{};
  std::array<char, INET6_ADDRSTRLEN> shown{};
  for (const int family : {AF_INET, AF_INET6}) {
    if (inet_pton(family, source.c_str(), binary.data()) == 1 &&
        inet_ntop(family, binary.data(), shown.data(), shown.size()) != nullptr) {
      return std::string(shown.data());
    }
  }
  return std::nullopt;
}

std::optional<std::string> CanonicalHost(std::string_view text) {
  if (std::optional<std::string> ip = CanonicalIp(text)) {
    return ip;
  }
  if (text.empty() || text.size() > kHostBytesMax) {
    return std::nullopt;
  }
  std::string_view rest = text;
  std::string_view label;
  while (true) {
    const size_t dot = rest.find('.');
    label = rest.substr(0, dot);
    if (!IsLabel(label)) {
      return std::nullopt;
    }
    if (dot == std::string_view::npos) {
      break;
    }
    rest.remove_prefix(dot + 1);
  }
  // The last label decides whether a resolver sees a number: "127.1", "0x7f000001".
  if (IsDigit(label.front()) &&
      (std::all_of(label.begin(), label.end(), IsDigit) || StartsWithIgnoreCase(label, "0x"))) {
    return std::nullopt;
  }
  return AsciiLowered(text);
}

bool IsLoopbackHost(const std::string& host) {
  constexpr std::string_view kName = "localhost";
  if (host == kName || host.ends_with("." + std::string(kName))) {
    return true;
  }
  in_addr v4{};
  if (inet_pton(AF_INET, host.c_str(), &v4) == 1) {
    return (ntohl(v4.s_addr) >> 24) == 127;
  }
  in6_addr v6{};
  if (inet_pton(AF_INET6, host.c_str(), &v6) != 1) {
    return false;
  }
  constexpr std::array<unsigned char, 13> kMapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 127};
  constexpr std::array<unsigned char, 16> kLoopback = {0, 0, 0, 0, 0, 0, 0, 0,
                                                       0, 0, 0, 0, 0, 0, 0, 1};
  return std::equal(kLoopback.begin(), kLoopback.end(), v6.s6_addr) ||
         std::equal(kMapped.begin(), kMapped.end(), v6.s6_addr);
}

namespace {

// The canonical host of "SCHEME://HOST[:PORT][/...]".
std::optional<std::string> HostOfUrl(std::string_view text, std::string_view scheme) {
  const bool visible =
      std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < '\x7F'; });
  if (!visible || !text.starts_with(scheme)) {
    return std::nullopt;
  }
  text.remove_prefix(scheme.size());
  std::string_view authority = text.substr(0, text.find_first_of("/?#"));
  const size_t end = authority.starts_with('[') ? authority.find(']') : std::string_view::npos;
  std::string_view host = authority.substr(0, authority.find(':'));
  std::string_view port = authority.substr(host.size());
  if (end != std::string_view::npos) {
    host = authority.substr(1, end - 1);
    port = authority.substr(end + 1);
  }
  uint16_t number = 0;
  const char* port_end = port.data() + port.size();
  const bool good_port =
      port.empty() ||
      (port.size() > 1 && port.front() == ':' &&
       std::from_chars(port.data() + 1, port_end, number).ptr == port_end && number != 0);
  return good_port ? CanonicalHost(host) : std::nullopt;
}

}  // namespace

bool IsHttpsUrl(std::string_view text) { return HostOfUrl(text, "https://").has_value(); }

bool IsLoopbackHttpUrl(std::string_view text) {
  const std::optional<std::string> host = HostOfUrl(text, "http://");
  return host && IsLoopbackHost(*host);
}

std::optional<ListenAddress> ParseListenAddress(std::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) {
    return std::nullopt;
  }
  std::string_view address = text.substr(0, colon);
  const std::string_view port = text.substr(colon + 1);
  const bool bracketed = address.size() > 2 && address.front() == '[' && address.back() == ']';
  if (bracketed) {
    address = address.substr(1, address.size() - 2);
  }
  std::optional<std::string> ip = CanonicalIp(address);
  if (!ip || bracketed != (ip->find(':') != std::string::npos)) {
    return std::nullopt;
  }
  ListenAddress listen{*std::move(ip), 0};
  const auto parsed = std::from_chars(port.data(), port.data() + port.size(), listen.port);
  if (port.empty() || parsed.ec != std::errc() || parsed.ptr != port.data() + port.size()) {
    return std::nullopt;
  }
  return listen;
}

}  // namespace mailhaul::config
