#include "connectors/net/resolver.h"

#include <ares.h>
#include <netdb.h>
#include <sys/time.h>
#include <uv.h>

#include <algorithm>
#include <mutex>
#include <utility>

#include "base/text.h"
#include "connectors/net/uv_tcp_stream.h"

namespace mailhaul::net {
namespace {

constexpr size_t kHostBytesMax = 253;  // RFC 1035 section 2.3.4, without the root's dot.
constexpr size_t kAddressesMax = 32;
constexpr size_t kCacheNamesMax = 4096;
constexpr int kQueryTimeoutMs = 2000;  // Per attempt; c-ares doubles it for the later ones.
constexpr int kQueryTries = 3;
constexpr Duration kTimeToLiveMax = std::chrono::seconds(60);
constexpr std::chrono::seconds kTimerWaitMax{1};

// Lower case, without the dot of the root.
std::string Normalized(std::string_view host) {
  if (!host.empty() && host.back() == '.') {
    host.remove_suffix(1);
  }
  return AsciiLowered(host);
}

bool IsLocalhost(std::string_view host) {
  static constexpr std::string_view kSuffix = ".localhost";
  return host == "localhost" ||
         (host.size() > kSuffix.size() && host.substr(host.size() - kSuffix.size()) == kSuffix);
}

Status CheckName(std::string_view host) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
  };
  if (host.empty() || host.size() > kHostBytesMax ||
      !std::all_of(host.begin(), host.end(), allowed)) {
    return {Code::kInvalidArgument, "\"" + EscapeForLog(host, 80) +
                                        "\" is not a host name; write names with letters beyond "
                                        "ASCII in their xn-- form"};
  }
  return {};
}

std::vector<IpAddress> CollectAddresses(const ares_addrinfo& info, Duration& time_to_live) {
  std::vector<IpAddress> addresses;
  time_to_live = kTimeToLiveMax;
  for (const ares_addrinfo_node* node = info.nodes;
       node != nullptr && addresses.size() < kAddressesMax; node = node->ai_next) {
    const IpAddress address = FromSockaddr(*node->ai_addr);
    if (std::find(addresses.begin(), addresses.end(), address) == addresses.end()) {
      addresses.push_back(address);
    }
    time_to_live =
        std::min<Duration>(time_to_live, std::chrono::seconds(std::max(0, node->ai_ttl)));
  }
  return addresses;
}

std::string ReasonText(int ares_status) {
  switch (ares_status) {
    case ARES_ENOTFOUND:
      return "there is no such name";
    case ARES_ENODATA:
      return "the name has no address";
    case ARES_ETIMEOUT:
    case ARES_ECONNREFUSED:
      return "the name servers do not answer";
    default:
      return ares_strerror(ares_status);
  }
}

Status NotResolved(const std::string& host, const std::string& reason) {
  return {Code::kUnreachable, "cannot resolve " + EscapeForLog(host) + ": " + reason};
}

}  // namespace

// Owns the c-ares channel, a uv_poll_t for each of its sockets, and the timer of its retries.
struct Resolver::Channel {
  struct Socket {
    uv_poll_t poll{};
    Channel* channel = nullptr;
    ares_socket_t descriptor = ARES_SOCKET_BAD;
  };

  explicit Channel(UvLoop& owner) : loop(owner) {}
  ~Channel() {
    if (ares != nullptr) {
      ares_destroy(ares);  // Closes its sockets through OnSocketState().
    }
    loop.CancelTimer(timer);
  }
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  static void OnSocketState(void* data, ares_socket_t descriptor, int readable, int writable);
  static void OnPoll(uv_poll_t* handle, int status, int events);
  static void CloseSocket(Socket* socket);
  Socket* FindOrMake(ares_socket_t descriptor);
  void ArmTimer();

  UvLoop& loop;
  ares_channel ares = nullptr;
  std::map<ares_socket_t, Socket*> sockets;
  Loop::TimerId timer = 0;
};

struct Resolver::Query {
  Resolver* resolver;
  std::string host;

  static void OnDone(void* argument, int status, int timeouts, ares_addrinfo* info);
};

void Resolver::Channel::CloseSocket(Socket* socket) {
  uv_close(reinterpret_cast<uv_handle_t*>(&socket->poll), [](uv_handle_t* handle) {
    const std::unique_ptr<Socket> owned(static_cast<Socket*>(handle->data));
  });
}

Resolver::Channel::Socket* Resolver::Channel::FindOrMake(ares_socket_t descriptor) {
  const auto it = sockets.find(descriptor);
  if (it != sockets.end()) {
    return it->second;
  }
  auto socket = std::make_unique<Socket>();
  if (uv_poll_init(loop.raw(), &socket->poll, descriptor) != 0) {
    return nullptr;  // The query then ends by its timeout.
  }
  socket->poll.data = socket.get();
  socket->channel = this;
  socket->descriptor = descriptor;
  sockets.emplace(descriptor, socket.get());
  return socket.release();
}

void Resolver::Channel::OnSocketState(void* data, ares_socket_t descriptor, int readable,
                                      int writable) {
  auto* const self = static_cast<Channel*>(data);
  if (readable == 0 && writable == 0) {
    const auto it = self->sockets.find(descriptor);
    if (it != self->sockets.end()) {
      CloseSocket(it->second);
      self->sockets.erase(it);
    }
    return;
  }
  Socket* const socket = self->FindOrMake(descriptor);
  if (socket != nullptr) {
    const int events = (readable != 0 ? UV_READABLE : 0) | (writable != 0 ? UV_WRITABLE : 0);
    uv_poll_start(&socket->poll, events, &OnPoll);
  }
}

void Resolver::Channel::OnPoll(uv_poll_t* handle, int status, int events) {
  const auto* const socket = static_cast<Socket*>(handle->data);
  Channel* const self = socket->channel;
  const ares_socket_t descriptor = socket->descriptor;
  const bool read = status < 0 || (events & UV_READABLE) != 0;
  const bool write = status < 0 || (events & UV_WRITABLE) != 0;
  ares_process_fd(self->ares, read ? descriptor : ARES_SOCKET_BAD,
                  write ? descriptor : ARES_SOCKET_BAD);
  self->ArmTimer();
}

void Resolver::Channel::ArmTimer() {
  loop.CancelTimer(std::exchange(timer, 0));
  timeval most{.tv_sec = kTimerWaitMax.count(), .tv_usec = 0};
  timeval wait{};
  if (sockets.empty() || ares_timeout(ares, &most, &wait) == nullptr) {
    return;
  }
  const Duration delay = std::chrono::seconds(wait.tv_sec) +
                         std::chrono::microseconds(wait.tv_usec) + std::chrono::milliseconds(1);
  timer = loop.AddTimer(loop.Now() + delay, [this] {
    timer = 0;
    ares_process_fd(ares, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    ArmTimer();
  });
}

void Resolver::Query::OnDone(void* argument, int status, int /*timeouts*/, ares_addrinfo* info) {
  const std::unique_ptr<Query> query(static_cast<Query*>(argument));
  const std::unique_ptr<ares_addrinfo, decltype(&ares_freeaddrinfo)> owned(info,
                                                                           &ares_freeaddrinfo);
  if (status == ARES_EDESTRUCTION) {
    return;
  }
  Duration time_to_live{0};
  Addresses addresses;
  if (status == ARES_SUCCESS && info != nullptr) {
    addresses = CollectAddresses(*info, time_to_live);
  }
  if (addresses.empty()) {
    const int reason = status == ARES_SUCCESS ? ARES_ENODATA : status;
    query->resolver->OnAnswer(query->host, NotResolved(query->host, ReasonText(reason)), {});
  } else {
    query->resolver->OnAnswer(query->host, std::move(addresses), time_to_live);
  }
}

Resolver::Resolver(UvLoop& loop) : loop_(loop), channel_(std::make_unique<Channel>(loop)) {}

Resolver::~Resolver() {
  for (const auto& [host, waiters] : waiters_) {
    MH_CHECK(waiters.empty());
  }
}

Result<std::unique_ptr<Resolver>> Resolver::Create(UvLoop& loop, const std::string& servers) {
  std::unique_ptr<Resolver> resolver(new Resolver(loop));
  MH_RETURN_IF_ERROR(resolver->Start(servers));
  return resolver;
}

Status Resolver::Start(const std::string& servers) {
  static std::once_flag initialized;
  std::call_once(initialized, [] { ares_library_init(ARES_LIB_INIT_ALL); });
  ares_options options{};
  std::string lookups = "fb";  // /etc/hosts, then DNS.
  options.flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES;
  options.timeout = kQueryTimeoutMs;
  options.tries = kQueryTries;
  options.lookups = lookups.data();
  options.sock_state_cb = &Channel::OnSocketState;
  options.sock_state_cb_data = channel_.get();
  int status = ares_init_options(&channel_->ares, &options,
                                 ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES |
                                     ARES_OPT_LOOKUPS | ARES_OPT_SOCK_STATE_CB);
  if (status == ARES_SUCCESS && !servers.empty()) {
    status = ares_set_servers_ports_csv(channel_->ares, servers.c_str());
  }
  if (status != ARES_SUCCESS) {
    return {Code::kInvalidArgument,
            std::string("cannot set up name resolution: ") + ares_strerror(status)};
  }
  return {};
}

const Resolver::Addresses* Resolver::Cached(const std::string& host) {
  const auto it = cache_.find(host);
  if (it == cache_.end()) {
    return nullptr;
  }
  if (it->second.expires <= loop_.Now()) {
    cache_.erase(it);
    return nullptr;
  }
  return &it->second.addresses;
}

void Resolver::Ask(const std::string& host) {
  ares_addrinfo_hints hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  auto query = std::make_unique<Query>(Query{.resolver = this, .host = host});
  // May answer before it returns.
  ares_getaddrinfo(channel_->ares, host.c_str(), nullptr, &hints, &Query::OnDone, query.release());
  channel_->ArmTimer();
}

void Resolver::OnAnswer(const std::string& host, Result<Addresses> answer, Duration time_to_live) {
  const auto node = waiters_.extract(host);
  if (!node.empty()) {
    for (OneShot<Result<Addresses>>* const waiter : node.mapped()) {
      if (!waiter->has_value()) {
        waiter->Set(answer);
      }
    }
  }
  if (answer.ok() && time_to_live > Duration::zero()) {
    if (cache_.size() >= kCacheNamesMax) {
      cache_.clear();
    }
    cache_[host] = {.addresses = std::move(answer).value(), .expires = loop_.Now() + time_to_live};
  }
}

Task<Result<std::vector<IpAddress>>> Resolver::Resolve(std::string host, TimePoint deadline) {
  const Result<IpAddress> literal = IpAddress::Parse(host);
  if (literal.ok()) {
    co_return Addresses(1, *literal);
  }
  host = Normalized(host);
  const Status valid = CheckName(host);
  if (!valid.ok()) {
    co_return valid;
  }
  if (IsLocalhost(host)) {
    Addresses loopback(2, IpAddress::V4(127, 0, 0, 1));
    loopback[1] = IpAddress();
    loopback[1].bytes[15] = 1;
    co_return std::move(loopback);
  }
  const Addresses* const cached = Cached(host);
  if (cached != nullptr) {
    co_return *cached;
  }
  OneShot<Result<Addresses>> answered;
  OneShot<Result<Addresses>>* const waiter = &answered;
  const bool asked = waiters_.contains(host);
  waiters_[host].push_back(waiter);
  if (!asked) {
    Ask(host);
  }
  const Loop::TimerId timer = loop_.AddTimer(deadline, [waiter, &host] {
    if (!waiter->has_value()) {
      waiter->Set(NotResolved(host, "the name servers do not answer"));
    }
  });
  Result<Addresses> result = co_await answered.Wait();
  loop_.CancelTimer(timer);
  const auto it = waiters_.find(host);
  if (it != waiters_.end()) {
    std::erase(it->second, waiter);
  }
  co_return std::move(result);
}

}  // namespace mailhaul::net
