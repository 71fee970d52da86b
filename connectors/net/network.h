// The network as an injected dependency: names to addresses, connections out and in, TLS.
//
// Real: UvNetwork (uv_network.h). In memory: tests/support.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "connectors/net/stream.h"

namespace mailhaul::net {

struct IpAddress {
  // IPv4 as v4-mapped IPv6 (::ffff:a.b.c.d), so that one comparison serves both.
  std::array<uint8_t, 16> bytes{};

  static Result<IpAddress> Parse(std::string_view text);  // Strict textual forms only.
  static IpAddress V4(uint8_t a, uint8_t b, uint8_t c, uint8_t d);
  bool is_v4() const;
  std::string ToString() const;
  // Not reachable by the public internet: loopback, private, link-local, multicast, reserved,
  // documentation and the IPv6 ranges that wrap such an IPv4 address (NAT64, 6to4, Teredo).
  bool IsPrivate() const;
  friend auto operator<=>(const IpAddress&, const IpAddress&) = default;
};

struct Endpoint {
  IpAddress address;
  uint16_t port = 0;
  std::string ToString() const;  // "192.0.2.1:993", "[2001:db8::1]:993".
  friend auto operator<=>(const Endpoint&, const Endpoint&) = default;
};

struct MxRecord {
  uint16_t preference = 0;
  std::string host;  // As below.
};

struct SrvRecord {
  uint16_t priority = 0;
  uint16_t weight = 0;
  uint16_t port = 0;
  std::string host;  // Lower case, without the last dot; "" for "." (RFC 2782: not offered).
};

class Listener {
 public:
  virtual ~Listener() = default;
  virtual Task<Result<std::unique_ptr<Stream>>> Accept() = 0;
  virtual void Abort() = 0;  // The pending Accept() fails with kCancelled, later ones too.
  virtual uint16_t port() const = 0;
};

// Belongs to one loop.
class Network {
 public:
  virtual ~Network() = default;

  // All A and AAAA records of `host`, which may also be a literal address; see CanonicalHost() in
  // host_name.h. kUnreachable when there are none or the servers do not answer, kInvalidArgument
  // when it is no host name.
  virtual Task<Result<std::vector<IpAddress>>> Resolve(std::string host, TimePoint deadline) = 0;

  // MX records by preference; SRV records of "_imaps._tcp.example.com" by priority, then greatest
  // weight. Empty when there are none; kUnreachable when the servers do not answer, or with
  // rubbish.
  virtual Task<Result<std::vector<MxRecord>>> ResolveMx(std::string domain, TimePoint deadline) = 0;
  virtual Task<Result<std::vector<SrvRecord>>> ResolveSrv(std::string name, TimePoint deadline) = 0;

  // `host` is for messages only. `egress`: the local address to connect from; absent: the system's
  // choice. kUnreachable names the endpoint, the egress address and the reason.
  virtual Task<Result<std::unique_ptr<Stream>>> Connect(Endpoint remote, std::string host,
                                                        std::optional<IpAddress> egress,
                                                        TimePoint deadline) = 0;

  // TLS 1.2 or later as a client over `stream`: SNI, chain and host name verified (RFC 9525);
  // an address literal is verified as an IP subject alternative name. kTlsFailed says which check
  // failed and what to do.
  virtual Task<Result<std::unique_ptr<Stream>>> StartTls(std::unique_ptr<Stream> stream,
                                                         std::string host_name,
                                                         TimePoint deadline) = 0;

  // Pending and later calls of all the above fail with kCancelled, without waiting. Streams and
  // listeners stay as they are.
  virtual void Abort() = 0;

  // Port 0: any free one. kInvalidArgument names the address when it is in use or not ours.
  virtual Result<std::unique_ptr<Listener>> Listen(Endpoint local) = 0;
};

}  // namespace mailhaul::net
