#include "connectors/net/uv_tcp_stream.h"

#include <arpa/inet.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

namespace mailhaul::net {
namespace {

// After so many reads that found data waiting, a reader lets the loop serve others.
constexpr int kReadsInARowMax = 16;
// Input nobody wants would turn the close into a reset, which may cost the peer our last bytes.
constexpr int kDrainReadsMax = 16;

void DrainInput(int descriptor) {
  std::array<char, 4096> ignored{};
  for (int i = 0; i < kDrainReadsMax; ++i) {
    if (recv(descriptor, ignored.data(), ignored.size(), MSG_DONTWAIT) <= 0) {
      return;
    }
  }
}

}  // namespace

void TcpSocketCloser::operator()(TcpSocket* socket) const {
  socket->stream = nullptr;
  socket->listener = nullptr;
  socket->connected = nullptr;
  uv_close(socket->handle(), [](uv_handle_t* handle) {
    const std::unique_ptr<TcpSocket> owned(static_cast<TcpSocket*>(handle->data));
    if (owned->closed != nullptr) {
      owned->closed->Set(true);
    }
  });
}

Result<TcpSocketPtr> MakeTcpSocket(UvLoop& loop, unsigned family) {
  auto socket = std::make_unique<TcpSocket>();
  const int error = uv_tcp_init_ex(loop.raw(), &socket->tcp, family);
  if (error != 0) {
    return Status(Code::kResourceExhausted,
                  std::string("cannot make a socket: ") + uv_strerror(error));
  }
  socket->tcp.data = socket.get();
  return TcpSocketPtr(socket.release());
}

sockaddr_storage ToSockaddr(const Endpoint& endpoint) {
  sockaddr_storage storage{};
  if (endpoint.address.is_v4()) {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(endpoint.port);
    std::memcpy(&v4.sin_addr, endpoint.address.bytes.data() + 12, 4);
    std::memcpy(&storage, &v4, sizeof v4);
  } else {
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(endpoint.port);
    std::memcpy(&v6.sin6_addr, endpoint.address.bytes.data(), 16);
    std::memcpy(&storage, &v6, sizeof v6);
  }
  return storage;
}

IpAddress FromSockaddr(const sockaddr& address) {
  IpAddress result;
  if (address.sa_family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, &address, sizeof v4);
    result = IpAddress::V4(0, 0, 0, 0);
    std::memcpy(result.bytes.data() + 12, &v4.sin_addr, 4);
  } else {
    sockaddr_in6 v6{};
    std::memcpy(&v6, &address, sizeof v6);
    std::memcpy(result.bytes.data(), &v6.sin6_addr, 16);
  }
  return result;
}

std::string PeerText(const TcpSocket& socket) {
  sockaddr_storage storage{};
  int length = sizeof storage;
  auto* const address = reinterpret_cast<sockaddr*>(&storage);
  if (uv_tcp_getpeername(&socket.tcp, address, &length) != 0) {
    return "unknown peer";
  }
  // The port lies at the same place in both families.
  const uint16_t port = ntohs(reinterpret_cast<const sockaddr_in*>(&storage)->sin_port);
  return Endpoint{.address = FromSockaddr(*address), .port = port}.ToString();
}

UvTcpStream::UvTcpStream(UvLoop& loop, TcpSocketPtr socket, std::string peer_name)
    : loop_(loop),
      peer_name_(std::move(peer_name)),
      socket_(std::move(socket)),
      deadline_(loop,
                [this] { Fail(Status(Code::kTimeout, peer_name_ + ": no answer in time")); }) {
  socket_->stream = this;
  MH_CHECK(uv_fileno(socket_->handle(), &descriptor_) == 0);
}

UvTcpStream::~UvTcpStream() { MH_CHECK(!read_done_.waiting() && !write_done_.waiting()); }

Status UvTcpStream::BrokenBy(int uv_error) const {
  return {Code::kUnreachable,
          peer_name_ + ": the connection broke: " + std::string(uv_strerror(uv_error))};
}

Status UvTcpStream::CheckUsable() {
  if (failure_.ok() && deadline_.HasPassed()) {
    Fail(Status(Code::kTimeout, peer_name_ + ": no answer in time"));
  }
  return failure_;
}

void UvTcpStream::Fail(Status status) {
  if (failure_.ok()) {
    failure_ = std::move(status);
    socket_.reset();  // From here libuv touches no buffer of a pending read or write any more.
    deadline_.Cancel();
  }
  if (!read_into_.empty()) {
    FinishRead(failure_);
  }
  if (write_done_.waiting()) {
    write_done_.Set(failure_);
  }
}

void UvTcpStream::FinishRead(Result<size_t> result) {
  read_into_ = {};
  read_done_.Set(std::move(result));
}

void UvTcpStream::UnwatchIfIdle() {
  if (!read_done_.waiting() && !write_done_.waiting()) {
    deadline_.Unwatch();
  }
}

void UvTcpStream::OnAlloc(uv_handle_t* handle, size_t /*suggested*/, uv_buf_t* buffer) {
  const auto* const socket = static_cast<TcpSocket*>(handle->data);
  const std::span<char> out = socket->stream->read_into_;
  // Without a reader this is empty, and OnRead() is told UV_ENOBUFS.
  *buffer = uv_buf_init(out.data(), static_cast<unsigned>(std::min<size_t>(out.size(), INT32_MAX)));
}

void UvTcpStream::OnRead(uv_stream_t* handle, ssize_t count, const uv_buf_t* buffer) {
  UvTcpStream& self = *static_cast<TcpSocket*>(handle->data)->stream;
  if (count == 0) {
    return;
  }
  if (count == UV_ENOBUFS) {
    // Watching goes on between reads, which spares two system calls per read; it stops here, when
    // input comes that nobody waits for.
    uv_read_stop(handle);
    self.reading_ = false;
    self.more_likely_ = true;
    return;
  }
  if (count > 0) {
    self.more_likely_ = static_cast<size_t>(count) == buffer->len;
    self.FinishRead(static_cast<size_t>(count));
    return;
  }
  uv_read_stop(handle);
  self.reading_ = false;
  if (count != UV_EOF) {
    self.Fail(self.BrokenBy(static_cast<int>(count)));
    return;
  }
  self.ended_ = true;
  if (!self.read_into_.empty()) {
    self.FinishRead(size_t{0});
  }
}

std::optional<Result<size_t>> UvTcpStream::ReadNow(std::span<char> out) {
  const ssize_t count = recv(descriptor_, out.data(), out.size(), MSG_DONTWAIT);
  if (count > 0) {
    more_likely_ = static_cast<size_t>(count) == out.size();
    return Result<size_t>(static_cast<size_t>(count));
  }
  if (count == 0) {
    ended_ = true;
    return Result<size_t>(size_t{0});
  }
  more_likely_ = false;
  if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) {
    return std::nullopt;
  }
  Fail(BrokenBy(uv_translate_sys_error(errno)));
  return Result<size_t>(failure_);
}

void UvTcpStream::ProbeIfLong() {
  if (probe_after_.count() == 0 || deadline_.deadline() - loop_.Now() <= probe_after_) {
    return;
  }
  uv_tcp_keepalive(&socket_->tcp, 1, static_cast<unsigned>(probe_after_.count()));
  probe_after_ = {};
}

Status UvTcpStream::StartReading(std::span<char> out) {
  if (!reading_) {
    const int error = uv_read_start(socket_->uv_stream(), &OnAlloc, &OnRead);
    if (error != 0) {
      Fail(BrokenBy(error));
      return failure_;
    }
    reading_ = true;
  }
  ProbeIfLong();
  read_into_ = out;
  deadline_.Watch();
  return {};
}

Task<Result<size_t>> UvTcpStream::Read(std::span<char> out) {
  MH_CHECK(!out.empty() && read_into_.empty());
  const Status usable = CheckUsable();
  if (!usable.ok()) {
    co_return usable;
  }
  if (ended_) {
    co_return size_t{0};
  }
  if (more_likely_ && ++reads_in_a_row_ < kReadsInARowMax) {
    std::optional<Result<size_t>> now = ReadNow(out);
    if (now.has_value()) {
      co_return std::move(*now);
    }
  }
  reads_in_a_row_ = 0;
  const Status started = StartReading(out);
  if (!started.ok()) {
    co_return started;
  }
  Result<size_t> result = co_await read_done_.Wait();
  UnwatchIfIdle();
  co_return std::move(result);
}

void UvTcpStream::OnWritten(uv_write_t* request, int status) {
  UvTcpStream* const self = static_cast<TcpSocket*>(request->data)->stream;
  if (self == nullptr) {
    return;  // The socket is being closed; the writer knows already.
  }
  if (status != 0) {
    self->Fail(self->BrokenBy(status));
  } else {
    self->write_done_.Set(Status::Ok());
  }
}

Status UvTcpStream::StartWriting(std::string_view bytes) {
  socket_->write_request.data = nullptr;
  const uv_buf_t all = uv_buf_init(const_cast<char*>(bytes.data()),  // NOLINT: uv only reads it.
                                   static_cast<unsigned>(bytes.size()));
  const int sent = uv_try_write(socket_->uv_stream(), &all, 1);
  if (sent < 0 && sent != UV_EAGAIN) {
    return BrokenBy(sent);
  }
  const auto done = static_cast<size_t>(std::max(sent, 0));
  if (done == bytes.size()) {
    return {};
  }
  const uv_buf_t rest = uv_buf_init(all.base + done, static_cast<unsigned>(bytes.size() - done));
  socket_->write_request.data = socket_.get();
  const int error = uv_write(&socket_->write_request, socket_->uv_stream(), &rest, 1, &OnWritten);
  return error == 0 ? Status::Ok() : BrokenBy(error);
}

Task<Status> UvTcpStream::Write(std::string_view bytes) {
  MH_CHECK(!write_done_.waiting() && bytes.size() <= INT32_MAX);
  const Status usable = CheckUsable();
  if (!usable.ok() || bytes.empty()) {
    co_return usable;
  }
  const Status started = StartWriting(bytes);
  if (!started.ok()) {
    Fail(started);
    co_return failure_;
  }
  if (socket_->write_request.data == nullptr) {
    co_return Status::Ok();
  }
  deadline_.Watch();
  const Status written = co_await write_done_.Wait();
  UnwatchIfIdle();
  co_return written;
}

void UvTcpStream::Abort() { Fail(Status(Code::kCancelled, peer_name_ + ": aborted")); }

Task<void> UvTcpStream::Close() {
  if (socket_ == nullptr) {
    co_return;  // libuv closed the descriptor when the stream failed.
  }
  if (!ended_) {
    shutdown(descriptor_, SHUT_WR);
    DrainInput(descriptor_);
  }
  OneShot<bool> closed;
  socket_->closed = &closed;
  Fail(Status(Code::kCancelled, peer_name_ + ": closed"));
  const bool confirmed = co_await closed.Wait();
  static_cast<void>(confirmed);
}

}  // namespace mailhaul::net
