#include "connectors/net/ares_channel.h"

#include <sys/time.h>

#include <mutex>
#include <utility>

namespace mailhaul::net {
namespace {

constexpr int kQueryTimeoutMs = 2000;  // Per attempt; c-ares doubles it for the later ones.
constexpr int kQueryTries = 3;
constexpr std::chrono::seconds kTimerWaitMax{1};

}  // namespace

Result<std::unique_ptr<AresChannel>> AresChannel::Create(UvLoop& loop, const std::string& servers) {
  std::unique_ptr<AresChannel> channel(new AresChannel(loop));
  MH_RETURN_IF_ERROR(channel->Start(servers));
  return channel;
}

AresChannel::~AresChannel() {
  if (ares_ != nullptr) {
    ares_destroy(ares_);  // Closes its sockets through OnSocketState().
  }
  loop_.CancelTimer(timer_);
}

Status AresChannel::Start(const std::string& servers) {
  static std::once_flag initialized;
  std::call_once(initialized, [] { ares_library_init(ARES_LIB_INIT_ALL); });
  ares_options options{};
  std::string lookups = "fb";  // /etc/hosts, then DNS.
  options.flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES;
  options.timeout = kQueryTimeoutMs;
  options.tries = kQueryTries;
  options.lookups = lookups.data();
  options.sock_state_cb = &AresChannel::OnSocketState;
  options.sock_state_cb_data = this;
  int status = ares_init_options(&ares_, &options,
                                 ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES |
                                     ARES_OPT_LOOKUPS | ARES_OPT_SOCK_STATE_CB);
  if (status == ARES_SUCCESS && !servers.empty()) {
    status = ares_set_servers_ports_csv(ares_, servers.c_str());
  }
  if (status != ARES_SUCCESS) {
    return {Code::kInvalidArgument,
            std::string("cannot set up name resolution: ") + ares_strerror(status)};
  }
  return {};
}

void AresChannel::CloseSocket(Socket* socket) {
  uv_close(reinterpret_cast<uv_handle_t*>(&socket->poll), [](uv_handle_t* handle) {
    const std::unique_ptr<Socket> owned(static_cast<Socket*>(handle->data));
  });
}

AresChannel::Socket* AresChannel::FindOrMake(ares_socket_t descriptor) {
  const auto it = sockets_.find(descriptor);
  if (it != sockets_.end()) {
    return it->second;
  }
  auto socket = std::make_unique<Socket>();
  if (uv_poll_init(loop_.raw(), &socket->poll, descriptor) != 0) {
    return nullptr;  // The query then ends by its timeout.
  }
  socket->poll.data = socket.get();
  socket->channel = this;
  socket->descriptor = descriptor;
  sockets_.emplace(descriptor, socket.get());
  return socket.release();
}

void AresChannel::OnSocketState(void* data, ares_socket_t descriptor, int readable, int writable) {
  auto* const self = static_cast<AresChannel*>(data);
  if (readable == 0 && writable == 0) {
    const auto it = self->sockets_.find(descriptor);
    if (it != self->sockets_.end()) {
      CloseSocket(it->second);
      self->sockets_.erase(it);
    }
    return;
  }
  Socket* const socket = self->FindOrMake(descriptor);
  if (socket != nullptr) {
    const int events = (readable != 0 ? UV_READABLE : 0) | (writable != 0 ? UV_WRITABLE : 0);
    uv_poll_start(&socket->poll, events, &OnPoll);
  }
}

void AresChannel::OnPoll(uv_poll_t* handle, int status, int events) {
  const auto* const socket = static_cast<Socket*>(handle->data);
  AresChannel* const self = socket->channel;
  const ares_socket_t descriptor = socket->descriptor;
  const bool read = status < 0 || (events & UV_READABLE) != 0;
  const bool write = status < 0 || (events & UV_WRITABLE) != 0;
  ares_process_fd(self->ares_, read ? descriptor : ARES_SOCKET_BAD,
                  write ? descriptor : ARES_SOCKET_BAD);
  self->ArmTimer();
}

void AresChannel::ArmTimer() {
  loop_.CancelTimer(std::exchange(timer_, 0));
  timeval most{.tv_sec = kTimerWaitMax.count(), .tv_usec = 0};
  timeval wait{};
  if (sockets_.empty() || ares_timeout(ares_, &most, &wait) == nullptr) {
    return;
  }
  const Duration delay = std::chrono::seconds(wait.tv_sec) +
                         std::chrono::microseconds(wait.tv_usec) + std::chrono::milliseconds(1);
  timer_ = loop_.AddTimer(loop_.Now() + delay, [this] {
    timer_ = 0;
    ares_process_fd(ares_, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    ArmTimer();
  });
}

}  // namespace mailhaul::net
