// From a server's address to a stream that is ready for its protocol: resolve, pass the destination
// gate, connect from the egress address, and TLS first if the server's port wants it.
#pragma once

#include <memory>
#include <optional>

#include "base/result.h"
#include "connectors/connector.h"
#include "connectors/net/network.h"

namespace mailhaul {

struct DialerOptions {
  bool allow_private = false;  // Else loopback and private destinations are refused.
  Duration connect_timeout = std::chrono::seconds(10);
};

// Belongs to one loop. Dials may run at the same time.
class Dialer final {
 public:
  Dialer(net::Network& network, const DialerOptions& options)
      : network_(network), options_(options) {}

  // Refuses (kUnreachable) when any address of the host is private and that is not allowed: server
  // addresses are user input. Tries the addresses in order until one connects, all within
  // connect_timeout; TLS has a second connect_timeout. The stream's deadline is left unset.
  net::Task<Result<std::unique_ptr<net::Stream>>> Dial(const ServerAddress& server,
                                                       std::optional<net::IpAddress> egress);
  // For STARTTLS: the upgrade of a dialled stream.
  net::Task<Result<std::unique_ptr<net::Stream>>> UpgradeToTls(std::unique_ptr<net::Stream> stream,
                                                               const ServerAddress& server);

 private:
  net::Network& network_;
  const DialerOptions options_;
};

}  // namespace mailhaul
