// A TCP connection on libuv. Included by the files of this folder only.
#pragma once

#include <uv.h>

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "connectors/net/deadline_timer.h"
#include "connectors/net/network.h"
#include "connectors/net/stream.h"
#include "connectors/net/uv_loop.h"

namespace mailhaul::net {

class UvListener;
class UvTcpStream;

// What libuv may call into. It owns itself from the moment its close begins until libuv confirms
// it, so that no stream has to outlive the confirmation.
struct TcpSocket {
  uv_tcp_t tcp{};
  uv_connect_t connect_request{};
  uv_write_t write_request{};
  UvTcpStream* stream = nullptr;      // Null before the stream is made and once the close began.
  UvListener* listener = nullptr;     // The same, of a listening socket.
  OneShot<int>* connected = nullptr;  // A uv status, while a connect is pending.
  OneShot<bool>* closed = nullptr;    // Set at the confirmation.

  uv_handle_t* handle() { return reinterpret_cast<uv_handle_t*>(&tcp); }
  uv_stream_t* uv_stream() { return reinterpret_cast<uv_stream_t*>(&tcp); }
};
struct TcpSocketCloser {
  void operator()(TcpSocket* socket) const;
};
using TcpSocketPtr = std::unique_ptr<TcpSocket, TcpSocketCloser>;

// `family`: AF_INET or AF_INET6 makes the descriptor at once, AF_UNSPEC leaves that to accept.
Result<TcpSocketPtr> MakeTcpSocket(UvLoop& loop, unsigned family);

// uv's form of an endpoint.
sockaddr_storage ToSockaddr(const Endpoint& endpoint);
IpAddress FromSockaddr(const sockaddr& address);
// The other side of a connected socket, as text.
std::string PeerText(const TcpSocket& socket);

class UvTcpStream final : public Stream {
 public:
  // `socket` is connected.
  UvTcpStream(UvLoop& loop, TcpSocketPtr socket, std::string peer_name);
  // The kernel probes a peer that is silent for so long while a read waits; where a deadline comes
  // first, that costs system calls for nothing and is not set up. Whole seconds; 0: never.
  void ProbeAfter(std::chrono::seconds silence) { probe_after_ = silence; }
  ~UvTcpStream() override;

  Task<Result<size_t>> Read(std::span<char> out) override;
  Task<Status> Write(std::string_view bytes) override;
  void SetDeadline(TimePoint deadline) override { deadline_.Set(deadline); }
  void Abort() override;
  Task<void> Close() override;
  bool secure() const override { return false; }
  std::string peer_name() const override { return peer_name_; }

 private:
  static void OnAlloc(uv_handle_t* handle, size_t suggested, uv_buf_t* buffer);
  static void OnRead(uv_stream_t* handle, ssize_t count, const uv_buf_t* buffer);
  static void OnWritten(uv_write_t* request, int status);

  Status CheckUsable();
  // The first failure counts; pending operations get it, and the socket is closed.
  void Fail(Status status);
  void FinishRead(Result<size_t> result);
  Status BrokenBy(int uv_error) const;
  // Reads what already lies in the kernel, without waiting; nothing when there is none.
  std::optional<Result<size_t>> ReadNow(std::span<char> out);
  Status StartReading(std::span<char> out);
  // Sends what the kernel takes now and leaves the rest to libuv; when nothing is left,
  // write_request.data is null.
  Status StartWriting(std::string_view bytes);
  void UnwatchIfIdle();
  void ProbeIfLong();

  UvLoop& loop_;
  const std::string peer_name_;
  TcpSocketPtr socket_;  // Null once failed or closed.
  int descriptor_ = -1;  // Of socket_.
  DeadlineTimer deadline_;
  Status failure_;
  std::chrono::seconds probe_after_{0};  // 0: never, or set up already.

  std::span<char> read_into_;  // The pending reader's buffer; empty when there is none.
  bool reading_ = false;       // libuv watches for input.
  bool more_likely_ = false;   // The last read did not empty the kernel's buffer.
  int reads_in_a_row_ = 0;     // Without giving way to other work of the loop.
  bool ended_ = false;
  OneShot<Result<size_t>> read_done_;
  OneShot<Status> write_done_;
};

}  // namespace mailhaul::net
