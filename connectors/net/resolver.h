// Host names to addresses, on c-ares: /etc/hosts, then DNS. And MX and SRV records.
//
// Addresses are kept for their time to live, at most a minute, and one name is asked for once at a
// time: a thousand mailboxes of one provider cost one query. Records are asked for when a mailbox
// is set up, and not kept.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "connectors/net/cancel_token.h"
#include "connectors/net/network.h"
#include "connectors/net/uv_loop.h"

namespace mailhaul::net {

class AresChannel;

// Belongs to one loop. Nothing may be pending when it dies.
class Resolver final {
 public:
  // `servers`: "192.0.2.53,127.0.0.1:5353"; empty: those of the system.
  static Result<std::unique_ptr<Resolver>> Create(UvLoop& loop, const std::string& servers);
  ~Resolver();

  // See Network::Resolve(). IPv4 and IPv6 in the order of RFC 6724, at most 32. A literal answers
  // for itself and "localhost" with the loopback addresses, both without a query (RFC 6761).
  Task<Result<std::vector<IpAddress>>> Resolve(std::string host, TimePoint deadline);
  // See Network; at most 64 records.
  Task<Result<std::vector<MxRecord>>> ResolveMx(std::string domain, TimePoint deadline);
  Task<Result<std::vector<SrvRecord>>> ResolveSrv(std::string name, TimePoint deadline);

  // What is pending fails with kCancelled, and all later calls.
  void Abort() { aborted_.Cancel(); }

 private:
  using Addresses = std::vector<IpAddress>;
  struct Query;        // One name being asked for.
  struct RecordQuery;  // Records being asked for, by one caller.
  struct CachedAnswer {
    Addresses addresses;
    TimePoint expires;
  };

  Resolver(UvLoop& loop, std::unique_ptr<AresChannel> channel);
  void Ask(const std::string& host);
  void OnAnswer(const std::string& host, Result<Addresses> answer, Duration time_to_live);
  const Addresses* Cached(const std::string& host);
  Task<Result<Addresses>> AwaitAnswer(const std::string& host, TimePoint deadline);
  // The answer as it came; empty when there are no such records.
  Task<Result<std::string>> QueryRecords(std::string name, int type, TimePoint deadline);

  UvLoop& loop_;
  CancelToken aborted_;
  std::map<std::string, CachedAnswer> cache_;
  std::map<std::string, std::vector<OneShot<Result<Addresses>>*>> waiters_;
  std::unique_ptr<AresChannel> channel_;  // Last: its end answers the queries that are open.
};

}  // namespace mailhaul::net
