// Where a URL leads, as libcurl itself reads it: what is judged and what is connected to are the
// same.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "connectors/net/network.h"

namespace mailhaul::https {

inline constexpr size_t kUrlBytesMax = 2048;

struct Target {
  std::string host;  // Without brackets; for Network::Resolve().
  uint16_t port = 0;
  bool encrypted = true;
  std::string url;  // As libcurl writes it.
};

// kInvalidArgument: not a URL, another scheme than https or http, a user name or password in it, a
// host that is not plain ASCII.
Result<Target> ParseTarget(const std::string& url);

// The destination gate: see dialer.h. Without TLS only loopback, and that only when allowed.
Status CheckDestination(const Target& target, const std::vector<net::IpAddress>& addresses,
                        bool allow_private);

}  // namespace mailhaul::https
