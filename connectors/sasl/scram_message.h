// The messages of SCRAM (RFC 5802 section 7): what the server's mean, how names are written.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace mailhaul::sasl {

// RFC 7677 section 4 asks for at least 4,096; the upper bound keeps a server from taking our CPU.
inline constexpr uint32_t kScramIterationsMin = 4096;
inline constexpr uint32_t kScramIterationsMax = 1'000'000;
inline constexpr size_t kScramNonceBytesMax = 1024;
inline constexpr size_t kScramSaltBytesMax = 1024;

struct ServerFirst {
  std::string nonce;  // The client's, continued.
  std::string salt;   // Decoded.
  uint32_t iterations = 0;
};

// kProtocol names what is wrong: order, a mandatory extension, a nonce that does not continue
// `client_nonce`, an iteration count or salt out of bounds.
Result<ServerFirst> ParseServerFirst(std::string_view message, std::string_view client_nonce);

// The decoded signature; or the failure the server tells with "e=": kAuthFailed, kThrottled (it is
// out of resources), kTlsFailed (it sees another TLS connection than we do), kServerRefused.
Result<std::string> ParseServerFinal(std::string_view message);

// "=" and "," as "=3D" and "=2C".
std::string EscapeSaslName(std::string_view name);

}  // namespace mailhaul::sasl
