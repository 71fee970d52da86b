// The real network: libuv, c-ares and OpenSSL on one UvLoop.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "connectors/net/cancel_token.h"
#include "connectors/net/network.h"
#include "connectors/net/resolver.h"
#include "connectors/net/tls_context.h"
#include "connectors/net/uv_loop.h"

namespace mailhaul::net {

struct UvNetworkOptions {
  std::string ca_file;      // PEM, trusted instead of the system's authorities; empty: those.
  std::string dns_servers;  // "192.0.2.53,127.0.0.1:5353"; empty: those of the system.
  // How long a connection may be silent before the kernel probes it; whole seconds.
  std::chrono::seconds keepalive_delay{60};
};

// Belongs to `loop`, dies before it and after its streams.
class UvNetwork final : public Network {
 public:
  // kInvalidArgument when ca_file or dns_servers cannot be used.
  static Result<std::unique_ptr<UvNetwork>> Create(UvLoop& loop, const UvNetworkOptions& options);
  // The same with a context made elsewhere: loading the authorities takes 20 ms and 10 MB, which
  // the loops of one process share.
  static Result<std::unique_ptr<UvNetwork>> Create(UvLoop& loop, const UvNetworkOptions& options,
                                                   std::shared_ptr<const TlsContext> tls);

  Task<Result<std::vector<IpAddress>>> Resolve(std::string host, TimePoint deadline) override;
  Task<Result<std::vector<MxRecord>>> ResolveMx(std::string domain, TimePoint deadline) override;
  Task<Result<std::vector<SrvRecord>>> ResolveSrv(std::string name, TimePoint deadline) override;
  Task<Result<std::unique_ptr<Stream>>> Connect(Endpoint remote, std::string host,
                                                std::optional<IpAddress> egress,
                                                TimePoint deadline) override;
  // On success the stream's deadline is unset.
  Task<Result<std::unique_ptr<Stream>>> StartTls(std::unique_ptr<Stream> stream,
                                                 std::string host_name,
                                                 TimePoint deadline) override;
  void Abort() override;
  Result<std::unique_ptr<Listener>> Listen(Endpoint local) override;

 private:
  UvNetwork(UvLoop& loop, const UvNetworkOptions& options, std::unique_ptr<Resolver> resolver,
            std::shared_ptr<const TlsContext> tls);

  UvLoop& loop_;
  const UvNetworkOptions options_;
  const std::unique_ptr<Resolver> resolver_;
  const std::shared_ptr<const TlsContext> tls_;
  CancelToken aborted_;
};

}  // namespace mailhaul::net
