#include "connectors/net/network.h"

#include <arpa/inet.h>

#include <algorithm>
#include <initializer_list>

#include "base/text.h"

namespace mailhaul::net {
namespace {

constexpr size_t kAddressTextMax = 45;  // INET6_ADDRSTRLEN without its NUL.

struct V4Block {
  uint32_t network;
  int bits;
};

// The IANA special-purpose registry (RFC 6890 and successors), less what is globally reachable.
constexpr std::initializer_list<V4Block> kPrivateV4 = {
    {0x00000000, 8},   // "This network".
    {0x0A000000, 8},   // RFC 1918.
    {0x64400000, 10},  // Shared address space, RFC 6598.
    {0x7F000000, 8},   // Loopback.
    {0xA9FE0000, 16},  // Link-local; cloud metadata services live here.
    {0xAC100000, 12},  // RFC 1918.
    {0xC0000000, 24},  // IETF protocol assignments.
    {0xC0000200, 24},  // Documentation.
    {0xC0586300, 24},  // 6to4 relay anycast, deprecated.
    {0xC0A80000, 16},  // RFC 1918.
    {0xC6120000, 15},  // Benchmarking.
    {0xC6336400, 24},  // Documentation.
    {0xCB007100, 24},  // Documentation.
    {0xE0000000, 4},   // Multicast.
    {0xF0000000, 4},   // Reserved, and limited broadcast.
};

bool IsPrivateV4(uint32_t address) {
  return std::any_of(kPrivateV4.begin(), kPrivateV4.end(), [address](const V4Block& block) {
    return ((address ^ block.network) >> (32 - block.bits)) == 0;
  });
}

uint32_t V4At(const std::array<uint8_t, 16>& bytes, size_t offset) {
  return (uint32_t{bytes[offset]} << 24) | (uint32_t{bytes[offset + 1]} << 16) |
         (uint32_t{bytes[offset + 2]} << 8) | bytes[offset + 3];
}

bool HasPrefix(const std::array<uint8_t, 16>& bytes, std::initializer_list<uint8_t> prefix) {
  return std::equal(prefix.begin(), prefix.end(), bytes.begin());
}

bool IsPrivateV6(const std::array<uint8_t, 16>& bytes) {
  if (HasPrefix(bytes, {0x00, 0x64, 0xFF, 0x9B, 0, 0, 0, 0, 0, 0, 0, 0})) {
    return IsPrivateV4(V4At(bytes, 12));  // NAT64, RFC 6052.
  }
  if ((bytes[0] & 0xE0) != 0x20) {
    return true;  // Only 2000::/3 is global unicast so far.
  }
  if (HasPrefix(bytes, {0x20, 0x02})) {
    return IsPrivateV4(V4At(bytes, 2));  // 6to4, RFC 3056.
  }
  if (HasPrefix(bytes, {0x20, 0x01, 0x00, 0x00})) {
    // Teredo, RFC 4380: the server's address, and the client's with all bits inverted.
    return IsPrivateV4(V4At(bytes, 4)) || IsPrivateV4(~V4At(bytes, 12));
  }
  const bool assignments = HasPrefix(bytes, {0x20, 0x01}) && bytes[2] < 2;  // 2001::/23
  const bool documentation = HasPrefix(bytes, {0x20, 0x01, 0x0D, 0xB8}) ||
                             (HasPrefix(bytes, {0x3F, 0xFF}) && bytes[2] < 0x10);  // 3fff::/20
  return assignments || documentation;
}

}  // namespace

Result<IpAddress> IpAddress::Parse(std::string_view text) {
  const Status invalid(Code::kInvalidArgument,
                       "\"" + EscapeForLog(text, kAddressTextMax) + "\" is not an IP address");
  if (text.size() > kAddressTextMax || text.find('\0') != std::string_view::npos) {
    return invalid;
  }
  const std::string terminated(text);
  std::array<uint8_t, 4> v4{};
  // inet_pton() takes four decimal numbers only: no "127.1", no octal, no hexadecimal.
  if (inet_pton(AF_INET, terminated.c_str(), v4.data()) == 1) {
    return V4(v4[0], v4[1], v4[2], v4[3]);
  }
  IpAddress address;
  if (inet_pton(AF_INET6, terminated.c_str(), address.bytes.data()) == 1) {
    return address;
  }
  return invalid;
}

IpAddress IpAddress::V4(uint8_t a, uint8_t b, uint8_t c, uint8_t d) {
  return IpAddress{.bytes = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, a, b, c, d}};
}

bool IpAddress::is_v4() const { return HasPrefix(bytes, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255}); }

std::string IpAddress::ToString() const {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (is_v4()) {
    inet_ntop(AF_INET, bytes.data() + 12, text.data(), text.size());
  } else {
    inet_ntop(AF_INET6, bytes.data(), text.data(), text.size());
  }
  return text.data();
}

bool IpAddress::IsPrivate() const {
  return is_v4() ? IsPrivateV4(V4At(bytes, 12)) : IsPrivateV6(bytes);
}

std::string Endpoint::ToString() const {
  const std::string port_text = ":" + std::to_string(port);
  return address.is_v4() ? address.ToString() + port_text
                         : "[" + address.ToString() + "]" + port_text;
}

}  // namespace mailhaul::net
