// Host names to addresses, on c-ares: /etc/hosts, then DNS.
//
// Answers are kept for their time to live, at most a minute, and one name is asked for once at a
// time: a thousand mailboxes of one provider cost one query.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "connectors/net/network.h"
#include "connectors/net/uv_loop.h"

namespace mailhaul::net {

// Belongs to one loop. No Resolve() may be pending when it dies.
class Resolver final {
 public:
  // `servers`: "192.0.2.53,127.0.0.1:5353"; empty: those of the system.
  static Result<std::unique_ptr<Resolver>> Create(UvLoop& loop, const std::string& servers);
  ~Resolver();

  // See Network::Resolve(). IPv4 and IPv6 in the order of RFC 6724, at most 32. A literal answers
  // for itself and "localhost" with the loopback addresses, both without a query (RFC 6761).
  Task<Result<std::vector<IpAddress>>> Resolve(std::string host, TimePoint deadline);

 private:
  using Addresses = std::vector<IpAddress>;
  struct Channel;  // c-ares and its sockets.
  struct Query;    // One name being asked for.
  struct CachedAnswer {
    Addresses addresses;
    TimePoint expires;
  };

  explicit Resolver(UvLoop& loop);
  Status Start(const std::string& servers);
  void Ask(const std::string& host);
  void OnAnswer(const std::string& host, Result<Addresses> answer, Duration time_to_live);
  const Addresses* Cached(const std::string& host);

  UvLoop& loop_;
  std::map<std::string, CachedAnswer> cache_;
  std::map<std::string, std::vector<OneShot<Result<Addresses>>*>> waiters_;
  std::unique_ptr<Channel> channel_;  // Last: its end answers the queries that are open.
};

}  // namespace mailhaul::net
