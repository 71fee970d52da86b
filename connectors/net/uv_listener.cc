#include "connectors/net/uv_listener.h"

#include <arpa/inet.h>

#include <utility>

namespace mailhaul::net {
namespace {

constexpr int kBacklog = 511;

}  // namespace

Result<std::unique_ptr<Listener>> UvListener::Open(UvLoop& loop, const Endpoint& local) {
  MH_ASSIGN_OR_RETURN(TcpSocketPtr socket, MakeTcpSocket(loop, AF_UNSPEC));
  std::unique_ptr<UvListener> listener(new UvListener(loop, std::move(socket)));
  MH_RETURN_IF_ERROR(listener->Start(local));
  return std::unique_ptr<Listener>(std::move(listener));
}

UvListener::~UvListener() { MH_CHECK(!arrived_.waiting()); }

Status UvListener::Start(const Endpoint& local) {
  const sockaddr_storage storage = ToSockaddr(local);
  int error = uv_tcp_bind(&socket_->tcp, reinterpret_cast<const sockaddr*>(&storage), 0);
  if (error == 0) {
    socket_->listener = this;
    error = uv_listen(socket_->uv_stream(), kBacklog, &OnConnection);
  }
  if (error != 0) {
    return {Code::kInvalidArgument,
            "cannot listen on " + local.ToString() + ": " + uv_strerror(error)};
  }
  sockaddr_storage bound{};
  int length = sizeof bound;
  MH_CHECK(uv_tcp_getsockname(&socket_->tcp, reinterpret_cast<sockaddr*>(&bound), &length) == 0);
  port_ = ntohs(reinterpret_cast<const sockaddr_in*>(&bound)->sin_port);
  return {};
}

void UvListener::OnConnection(uv_stream_t* server, int status) {
  UvListener* const self = static_cast<TcpSocket*>(server->data)->listener;
  if (status != 0) {
    return;  // Out of descriptors, or the peer has gone; libuv tries again.
  }
  self->connection_waits_ = true;
  if (self->arrived_.waiting()) {
    self->arrived_.Set(Status::Ok());
  }
}

Result<std::unique_ptr<Stream>> UvListener::AcceptNow() {
  connection_waits_ = false;
  MH_ASSIGN_OR_RETURN(TcpSocketPtr socket, MakeTcpSocket(loop_, AF_UNSPEC));
  const int error = uv_accept(socket_->uv_stream(), socket->uv_stream());
  if (error != 0) {
    return Status(Code::kUnreachable, std::string("cannot accept: ") + uv_strerror(error));
  }
  uv_tcp_nodelay(&socket->tcp, 1);
  std::string peer = PeerText(*socket);
  return std::unique_ptr<Stream>(
      std::make_unique<UvTcpStream>(loop_, std::move(socket), std::move(peer)));
}

Task<Result<std::unique_ptr<Stream>>> UvListener::Accept() {
  if (socket_ != nullptr && !connection_waits_) {
    const Status arrived = co_await arrived_.Wait();
    static_cast<void>(arrived);
  }
  if (socket_ == nullptr) {
    co_return Status(Code::kCancelled, "the listener was closed");
  }
  co_return AcceptNow();
}

void UvListener::Abort() {
  if (socket_ == nullptr) {
    return;
  }
  socket_.reset();
  if (arrived_.waiting()) {
    arrived_.Set(Status(Code::kCancelled, "aborted"));
  }
}

}  // namespace mailhaul::net
