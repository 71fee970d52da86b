#include "connectors/net/uv_network.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <uv.h>

#include <utility>

#include "base/text.h"
#include "connectors/net/tls_stream.h"
#include "connectors/net/uv_listener.h"
#include "connectors/net/uv_tcp_stream.h"

namespace mailhaul::net {
namespace {

Status BindEgress(TcpSocket& socket, const Endpoint& remote, const IpAddress& egress) {
  if (egress.is_v4() != remote.address.is_v4()) {
    return {Code::kUnreachable, "the egress address is of the other IP version"};
  }
  // The port is then chosen at connect(), per destination: binding would use up one of 28,000 ports
  // of this address for each connection.
  int descriptor = -1;
  const int on = 1;
  if (uv_fileno(socket.handle(), &descriptor) == 0) {
    setsockopt(descriptor, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
  }
  const sockaddr_storage local = ToSockaddr(Endpoint{.address = egress, .port = 0});
  const int error = uv_tcp_bind(&socket.tcp, reinterpret_cast<const sockaddr*>(&local), 0);
  if (error == UV_EADDRNOTAVAIL) {
    return {Code::kUnreachable, "the egress address is not an address of this machine"};
  }
  return error == 0 ? Status::Ok() : Status(Code::kUnreachable, uv_strerror(error));
}

// The first outcome counts.
void FinishConnect(TcpSocket& socket, int status) {
  OneShot<int>* const connected = std::exchange(socket.connected, nullptr);
  if (connected != nullptr) {
    connected->Set(status);
  }
}

void OnConnected(uv_connect_t* request, int status) {
  FinishConnect(*static_cast<TcpSocket*>(request->data), status);
}

// A socket on its way to `remote`; OnConnected() follows.
Result<TcpSocketPtr> BeginConnect(UvLoop& loop, const Endpoint& remote,
                                  const std::optional<IpAddress>& egress) {
  const unsigned family = remote.address.is_v4() ? AF_INET : AF_INET6;
  MH_ASSIGN_OR_RETURN(TcpSocketPtr socket, MakeTcpSocket(loop, family));
  if (egress.has_value()) {
    MH_RETURN_IF_ERROR(BindEgress(*socket, remote, *egress));
  }
  socket->connect_request.data = socket.get();
  const sockaddr_storage address = ToSockaddr(remote);
  const int error = uv_tcp_connect(&socket->connect_request, &socket->tcp,
                                   reinterpret_cast<const sockaddr*>(&address), &OnConnected);
  if (error != 0) {
    return Status(Code::kUnreachable, uv_strerror(error));
  }
  return socket;
}

}  // namespace

UvNetwork::UvNetwork(UvLoop& loop, const UvNetworkOptions& options,
                     std::unique_ptr<Resolver> resolver, std::shared_ptr<const TlsContext> tls)
    : loop_(loop), options_(options), resolver_(std::move(resolver)), tls_(std::move(tls)) {}

Result<std::unique_ptr<UvNetwork>> UvNetwork::Create(UvLoop& loop,
                                                     const UvNetworkOptions& options) {
  MH_ASSIGN_OR_RETURN(std::shared_ptr<const TlsContext> tls, TlsContext::Client(options.ca_file));
  return Create(loop, options, std::move(tls));
}

Result<std::unique_ptr<UvNetwork>> UvNetwork::Create(UvLoop& loop, const UvNetworkOptions& options,
                                                     std::shared_ptr<const TlsContext> tls) {
  MH_ASSIGN_OR_RETURN(std::unique_ptr<Resolver> resolver,
                      Resolver::Create(loop, options.dns_servers));
  return std::unique_ptr<UvNetwork>(
      new UvNetwork(loop, options, std::move(resolver), std::move(tls)));
}

Task<Result<std::vector<IpAddress>>> UvNetwork::Resolve(std::string host, TimePoint deadline) {
  co_return co_await resolver_->Resolve(std::move(host), deadline);
}

Task<Result<std::vector<MxRecord>>> UvNetwork::ResolveMx(std::string domain, TimePoint deadline) {
  co_return co_await resolver_->ResolveMx(std::move(domain), deadline);
}

Task<Result<std::vector<SrvRecord>>> UvNetwork::ResolveSrv(std::string name, TimePoint deadline) {
  co_return co_await resolver_->ResolveSrv(std::move(name), deadline);
}

void UvNetwork::Abort() {
  resolver_->Abort();
  aborted_.Cancel();
}

Task<Result<std::unique_ptr<Stream>>> UvNetwork::Connect(Endpoint remote, std::string host,
                                                         std::optional<IpAddress> egress,
                                                         TimePoint deadline) {
  std::string peer_name = EscapeForLog(host) + " (" + remote.ToString() + ")";
  std::string failed = "cannot connect to " + peer_name;
  if (egress.has_value()) {
    failed += " from " + egress->ToString();
  }
  if (aborted_.cancelled()) {
    co_return Status(Code::kCancelled, failed + ": cancelled");
  }
  Result<TcpSocketPtr> begun = BeginConnect(loop_, remote, egress);
  if (!begun.ok()) {
    co_return begun.status().WithContext(failed);
  }
  TcpSocketPtr socket = std::move(begun).value();
  OneShot<int> connected;
  socket->connected = &connected;
  TcpSocket* const target = socket.get();
  const Loop::TimerId timer =
      loop_.AddTimer(deadline, [target] { FinishConnect(*target, UV_ETIMEDOUT); });
  const CancelToken::Registration registration(aborted_,
                                               [target] { FinishConnect(*target, UV_ECANCELED); });
  const int status = co_await connected.Wait();
  loop_.CancelTimer(timer);
  if (status != 0) {
    co_return Status(status == UV_ECANCELED ? Code::kCancelled : Code::kUnreachable,
                     failed + ": " + uv_strerror(status));
  }
  uv_tcp_nodelay(&socket->tcp, 1);
  auto stream = std::make_unique<UvTcpStream>(loop_, std::move(socket), std::move(peer_name));
  stream->ProbeAfter(options_.keepalive_delay);
  co_return std::unique_ptr<Stream>(std::move(stream));
}

Task<Result<std::unique_ptr<Stream>>> UvNetwork::StartTls(std::unique_ptr<Stream> stream,
                                                          std::string host_name,
                                                          TimePoint deadline) {
  co_return co_await ConnectTls(std::move(stream), tls_, std::move(host_name), deadline, &aborted_);
}

Result<std::unique_ptr<Listener>> UvNetwork::Listen(Endpoint local) {
  return UvListener::Open(loop_, local);
}

}  // namespace mailhaul::net
