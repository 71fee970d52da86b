// What names, hosts and addresses in the configuration may look like.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace mailhaul::config {

inline constexpr size_t kTenantNameBytesMax = 64;
inline constexpr size_t kMailboxIdBytesMax = 128;
inline constexpr size_t kHostBytesMax = 253;
inline constexpr size_t kMailAddressBytesMax = 320;

// Letters, digits, ".", "_", "-", "@", "+"; 1 to `bytes_max` bytes; not "." or "..", because names
// become parts of paths.
bool IsName(std::string_view text, size_t bytes_max);

// A name for getenv().
bool IsVariableName(std::string_view text);

// local@domain, without white space, brackets or commas.
bool IsMailAddress(std::string_view text);

// The usual spelling of a literal IPv4 or IPv6 address (without brackets or zone), if it is one.
std::optional<std::string> CanonicalIp(std::string_view text);

// A literal address as CanonicalIp(), or an ASCII host name (RFC 1123, "_" allowed) in lower case.
// Refused: what some resolvers take for an address, such as "127.1", and a final dot.
std::optional<std::string> CanonicalHost(std::string_view text);

// Of a canonical host: 127.0.0.0/8, ::1 and the IPv4-mapped form, localhost and below (RFC 6761).
bool IsLoopbackHost(const std::string& host);

// A host and perhaps a port, then visible ASCII; no user name.
bool IsHttpsUrl(std::string_view text);
bool IsLoopbackHttpUrl(std::string_view text);

struct ListenAddress {
  std::string address;  // Canonical literal IP.
  uint16_t port;
};
// "127.0.0.1:8025", "[::1]:8025".
std::optional<ListenAddress> ParseListenAddress(std::string_view text);

}  // namespace mailhaul::config
