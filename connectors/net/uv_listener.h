// A listening TCP socket on libuv. Included by the files of this folder only.
#pragma once

#include <memory>

#include "connectors/net/network.h"
#include "connectors/net/uv_tcp_stream.h"

namespace mailhaul::net {

class UvListener final : public Listener {
 public:
  static Result<std::unique_ptr<Listener>> Open(UvLoop& loop, const Endpoint& local);
  ~UvListener() override;

  Task<Result<std::unique_ptr<Stream>>> Accept() override;
  void Abort() override;
  uint16_t port() const override { return port_; }

 private:
  UvListener(UvLoop& loop, TcpSocketPtr socket) : loop_(loop), socket_(std::move(socket)) {}
  Status Start(const Endpoint& local);
  static void OnConnection(uv_stream_t* server, int status);
  Result<std::unique_ptr<Stream>> AcceptNow();

  UvLoop& loop_;
  TcpSocketPtr socket_;  // Null once aborted.
  uint16_t port_ = 0;
  // libuv holds one connection until it is accepted and leaves the others to the kernel's queue.
  bool connection_waits_ = false;
  OneShot<Status> arrived_;
};

}  // namespace mailhaul::net
