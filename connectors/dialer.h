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

  // Refuses (kUnreachable) a host with any private address unless that is allowed
  // (destination_gate.h). Tries the addresses in order until one connects, all within
  // connect_timeout; TLS has a second connect_timeout. Any port will do: mail servers do live on
  // odd ones, and what may not be reached is told by the address. The stream's deadline is left
  // unset.
  net::Task<Result<std::unique_ptr<net::Stream>>> Dial(const ServerAddress& server,
                                                       std::optional<net::IpAddress> egress);
  // For STARTTLS: the upgrade of a dialled stream.
  net::Task<Result<std::unique_ptr<net::Stream>>> UpgradeToTls(std::unique_ptr<net::Stream> stream,
                                                               const ServerAddress& server);

  // All of the above that is pending fails with kCancelled, without waiting, as do later calls and
  // everything else that the network is asked (Network::Abort()). Streams made before live on.
  void Abort() { network_.Abort(); }

 private:
  net::Network& network_;
  const DialerOptions options_;
};

}  // namespace mailhaul
