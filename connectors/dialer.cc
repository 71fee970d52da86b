#include "connectors/dialer.h"

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "connectors/destination_gate.h"
#include "connectors/net/host_name.h"

namespace mailhaul {
namespace {

constexpr size_t kAddressesTriedMax = 8;

// Those that `egress` can reach, in their order.
std::vector<net::IpAddress> Reachable(std::vector<net::IpAddress> addresses,
                                      const std::optional<net::IpAddress>& egress) {
  if (egress.has_value()) {
    std::erase_if(addresses, [&egress](const net::IpAddress& address) {
      return address.is_v4() != egress->is_v4();
    });
  }
  addresses.resize(std::min(addresses.size(), kAddressesTriedMax));
  return addresses;
}

}  // namespace

net::Task<Result<std::unique_ptr<net::Stream>>> Dialer::Dial(const ServerAddress& server,
                                                             std::optional<net::IpAddress> egress) {
  net::Loop& loop = *net::Loop::Current();
  const TimePoint deadline = loop.Now() + options_.connect_timeout;
  const Result<std::string> canonical = net::CanonicalHost(server.host);
  if (!canonical.ok()) {
    co_return canonical.status();
  }
  CO_TRY(std::vector<net::IpAddress> addresses, network_.Resolve(*canonical, deadline));
  const Status allowed =
      options_.allow_private ? Status::Ok() : RefusePrivate(server.host, addresses);
  if (!allowed.ok()) {
    co_return allowed;
  }
  addresses = Reachable(std::move(addresses), egress);
  Status failure(Code::kUnreachable,
                 EscapeForLog(server.host) + " has no address" +
                     (egress.has_value() ? " of the kind of egress address " + egress->ToString()
                                         : std::string()));
  for (size_t i = 0; i < addresses.size(); ++i) {
    // An address that swallows packets must not use up the time of those behind it.
    const auto left = static_cast<Duration::rep>(addresses.size() - i);
    const TimePoint attempt_deadline = loop.Now() + (deadline - loop.Now()) / left;
    const net::Endpoint remote{.address = addresses[i], .port = server.port};
    MH_CHECK(options_.allow_private || !remote.address.IsPrivate());
    Result<std::unique_ptr<net::Stream>> stream =
        co_await network_.Connect(remote, server.host, egress, attempt_deadline);
    if (stream.ok()) {
      if (server.security != Security::kTls) {
        co_return std::move(stream);
      }
      std::unique_ptr<net::Stream> plain = std::move(stream).value();
      co_return co_await UpgradeToTls(std::move(plain), server);
    }
    failure = stream.status();
    if (failure.code() == Code::kCancelled) {
      break;
    }
  }
  co_return failure;
}

net::Task<Result<std::unique_ptr<net::Stream>>> Dialer::UpgradeToTls(
    std::unique_ptr<net::Stream> stream, const ServerAddress& server) {
  const TimePoint deadline = net::Loop::Current()->Now() + options_.connect_timeout;
  const Result<std::string> canonical = net::CanonicalHost(server.host);
  if (!canonical.ok()) {
    co_return canonical.status();
  }
  co_return co_await network_.StartTls(std::move(stream), *canonical, deadline);
}

}  // namespace mailhaul
