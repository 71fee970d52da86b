// A network without sockets: names, addresses and servers registered by the test or simulator,
// connections through memory streams on the current loop, TLS pretended.
//
// Deterministic: with the same seed and calls, the same connections break at the same byte.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "connectors/net/cancel_token.h"
#include "connectors/net/memory_stream.h"
#include "connectors/net/network.h"
#include "connectors/net/task.h"
#include "tests/support/scripted_mail_server.h"

namespace mailhaul::test_support {

// Connections as they are made and given up, told as it happens. `egress` "": the system's choice.
class NetworkObserver {
 public:
  virtual ~NetworkObserver() = default;
  virtual void OnDial(const std::string& egress, const std::string& host) = 0;
  // It was not made, or its close is complete.
  virtual void OnReleased(const std::string& egress, const std::string& host) = 0;
};

struct MemoryNetworkOptions {
  Duration latency{0};               // Per chunk, and once to connect.
  uint64_t cut_one_in = 0;           // One connection in so many breaks; 0: none.
  size_t cut_bytes_max = 64 * 1024;  // Where it breaks: at a random byte up to this one.
  // Every connection breaks after so many bytes from the client.
  size_t cut_after_bytes_forward = std::numeric_limits<size_t>::max();
  size_t buffer_bytes_max = 64 * 1024;
  size_t read_bytes_max = std::numeric_limits<size_t>::max();
  NetworkObserver* observer = nullptr;
};

class MemoryNetwork final : public net::Network {
 public:
  // Serves one connection until it ends.
  using Server = std::function<net::Task<void>(std::unique_ptr<net::Stream>)>;

  // `random` must outlive the network; it decides about cuts only.
  MemoryNetwork(const MemoryNetworkOptions& options, Random& random);
  ~MemoryNetwork() override;  // After Drain().

  // `host` gets a made-up public address at its first registration.
  net::Endpoint Register(const std::string& host, uint16_t port, Server server);
  net::Endpoint RegisterImap(const std::string& host, uint16_t port, ScriptedMailServer& server);
  // Answers of ResolveMx() and ResolveSrv(), given as they are here; without them both find
  // nothing.
  void RegisterMx(const std::string& domain, std::vector<net::MxRecord> records);
  void RegisterSrv(const std::string& name, std::vector<net::SrvRecord> records);
  // From now on connecting to `host` fails with kUnreachable, or works again.
  void SetDown(const std::string& host, bool down);
  // From now on no connection breaks by itself.
  void StopCuts() { cuts_ = false; }
  // The same as SetDown(), from one egress address only.
  void SetRefused(const std::string& host, const std::string& egress, bool refused);

  net::Task<Result<std::vector<net::IpAddress>>> Resolve(std::string host,
                                                         TimePoint deadline) override;
  net::Task<Result<std::unique_ptr<net::Stream>>> Connect(net::Endpoint remote, std::string host,
                                                          std::optional<net::IpAddress> egress,
                                                          TimePoint deadline) override;
  net::Task<Result<std::unique_ptr<net::Stream>>> StartTls(std::unique_ptr<net::Stream> stream,
                                                           std::string host_name,
                                                           TimePoint deadline) override;
  net::Task<Result<std::vector<net::MxRecord>>> ResolveMx(std::string domain,
                                                          TimePoint deadline) override;
  net::Task<Result<std::vector<net::SrvRecord>>> ResolveSrv(std::string name,
                                                            TimePoint deadline) override;
  void Abort() override { aborted_.Cancel(); }
  // What the death of the process does: every connection ends where it is, and none is made any
  // more.
  void Sever();
  // Nothing listens in memory: kInvalidArgument.
  Result<std::unique_ptr<net::Listener>> Listen(net::Endpoint local) override;

  // Completes when all servers have ended, which they do once the clients have closed.
  net::Task<void> Drain() { return servers_running_.Drain(); }

  // Connections of one (egress address, host), as the host's provider would count them: from the
  // dial on. "": the system's choice of address.
  using PoolKey = std::pair<std::string, std::string>;
  struct PoolCount {
    uint64_t open = 0;
    uint64_t open_max = 0;
    uint64_t total = 0;  // Of those that were made.
  };
  const std::map<PoolKey, PoolCount>& pools() const;
  uint64_t tls_handshakes() const { return tls_handshakes_; }

 private:
  net::MemoryStreamOptions StreamOptions(const std::string& name, const PoolKey& key);

  const MemoryNetworkOptions options_;
  Random& random_;
  net::CancelToken aborted_;
  std::map<std::string, net::IpAddress> addresses_;
  std::map<std::string, std::vector<net::MxRecord>> mx_records_;
  std::map<std::string, std::vector<net::SrvRecord>> srv_records_;
  std::map<net::Endpoint, Server> servers_;
  bool cuts_ = true;
  std::set<std::string> down_;
  std::set<PoolKey> refused_;
  struct Book;
  class Dial;
  class CountedStream;
  const std::shared_ptr<Book> book_;  // Shared with the streams that count.
  net::TaskGroup servers_running_;
  uint64_t tls_handshakes_ = 0;
};

}  // namespace mailhaul::test_support
