// A c-ares channel on a UvLoop: its sockets and the timer of its retries. Included by the files of
// this folder only.
#pragma once

#include <ares.h>
#include <uv.h>

#include <map>
#include <memory>
#include <string>

#include "base/result.h"
#include "connectors/net/uv_loop.h"

namespace mailhaul::net {

class AresChannel final {
 public:
  // `servers`: "192.0.2.53,127.0.0.1:5353"; empty: those of the system. kInvalidArgument.
  static Result<std::unique_ptr<AresChannel>> Create(UvLoop& loop, const std::string& servers);
  // Answers open queries with ARES_EDESTRUCTION.
  ~AresChannel();
  AresChannel(const AresChannel&) = delete;
  AresChannel& operator=(const AresChannel&) = delete;

  ares_channel raw() const { return ares_; }
  void ArmTimer();  // To be called after each query made.

 private:
  struct Socket {
    uv_poll_t poll{};
    AresChannel* channel = nullptr;
    ares_socket_t descriptor = ARES_SOCKET_BAD;
  };

  explicit AresChannel(UvLoop& loop) : loop_(loop) {}
  Status Start(const std::string& servers);
  static void OnSocketState(void* data, ares_socket_t descriptor, int readable, int writable);
  static void OnPoll(uv_poll_t* handle, int status, int events);
  static void CloseSocket(Socket* socket);
  Socket* FindOrMake(ares_socket_t descriptor);

  UvLoop& loop_;
  ares_channel ares_ = nullptr;
  std::map<ares_socket_t, Socket*> sockets_;
  Loop::TimerId timer_ = 0;
};

}  // namespace mailhaul::net
