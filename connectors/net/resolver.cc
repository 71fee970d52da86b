#include "connectors/net/resolver.h"

#include <arpa/nameser.h>
#include <netdb.h>

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "connectors/net/ares_channel.h"
#include "connectors/net/dns_records.h"
#include "connectors/net/host_name.h"
#include "connectors/net/uv_tcp_stream.h"

namespace mailhaul::net {
namespace {

constexpr size_t kAddressesMax = 32;
constexpr size_t kCacheNamesMax = 4096;
constexpr Duration kTimeToLiveMax = std::chrono::seconds(60);
constexpr const char* kNoAnswer = "the name servers do not answer";

bool IsLocalhost(std::string_view host) {
  static constexpr std::string_view kSuffix = ".localhost";
  return host == "localhost" ||
         (host.size() > kSuffix.size() && host.substr(host.size() - kSuffix.size()) == kSuffix);
}

std::vector<IpAddress> LoopbackAddresses() {
  std::vector<IpAddress> loopback(2, IpAddress::V4(127, 0, 0, 1));
  loopback[1] = IpAddress();
  loopback[1].bytes[15] = 1;
  return loopback;
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
      return kNoAnswer;
    default:
      return ares_strerror(ares_status);
  }
}

Status NotResolved(const std::string& host, const std::string& reason) {
  return {Code::kUnreachable, "cannot resolve " + EscapeForLog(host) + ": " + reason};
}

Status Cancelled(const std::string& host) {
  return {Code::kCancelled, "resolving " + EscapeForLog(host) + " was cancelled"};
}

// The first outcome counts.
template <typename T>
void SetOnce(OneShot<T>& shot, T value) {
  if (!shot.has_value()) {
    shot.Set(std::move(value));
  }
}

}  // namespace

struct Resolver::Query {
  Resolver* resolver;
  std::string host;

  static void OnDone(void* argument, int status, int timeouts, ares_addrinfo* info);
};

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

// Shared by the caller, who may give up first, and c-ares.
struct Resolver::RecordQuery {
  explicit RecordQuery(std::string asked) : name(std::move(asked)) {}
  const std::string name;
  OneShot<Result<std::string>> answer;
  bool answered = false;

  void Answer(Result<std::string> value) {
    if (!std::exchange(answered, true)) {
      answer.Set(std::move(value));
    }
  }
  static void OnDone(void* argument, int status, int timeouts, unsigned char* bytes, int size);
};

void Resolver::RecordQuery::OnDone(void* argument, int status, int /*timeouts*/,
                                   unsigned char* bytes, int size) {
  using Shared = std::shared_ptr<RecordQuery>;
  const std::unique_ptr<Shared> owned(static_cast<Shared*>(argument));
  RecordQuery& query = **owned;
  if (status == ARES_EDESTRUCTION) {
    return;
  }
  if (status == ARES_SUCCESS) {
    query.Answer(std::string(reinterpret_cast<const char*>(bytes), static_cast<size_t>(size)));
  } else if (status == ARES_ENOTFOUND || status == ARES_ENODATA) {
    query.Answer(std::string());
  } else {
    query.Answer(NotResolved(query.name, ReasonText(status)));
  }
}

Resolver::Resolver(UvLoop& loop, std::unique_ptr<AresChannel> channel)
    : loop_(loop), channel_(std::move(channel)) {}

Resolver::~Resolver() {
  for (const auto& [host, waiters] : waiters_) {
    MH_CHECK(waiters.empty());
  }
}

Result<std::unique_ptr<Resolver>> Resolver::Create(UvLoop& loop, const std::string& servers) {
  MH_ASSIGN_OR_RETURN(std::unique_ptr<AresChannel> channel, AresChannel::Create(loop, servers));
  return std::unique_ptr<Resolver>(new Resolver(loop, std::move(channel)));
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
  ares_getaddrinfo(channel_->raw(), host.c_str(), nullptr, &hints, &Query::OnDone, query.release());
  channel_->ArmTimer();
}

void Resolver::OnAnswer(const std::string& host, Result<Addresses> answer, Duration time_to_live) {
  const auto node = waiters_.extract(host);
  if (!node.empty()) {
    for (OneShot<Result<Addresses>>* const waiter : node.mapped()) {
      SetOnce(*waiter, answer);
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
  Result<std::string> canonical = CanonicalHost(host);
  if (!canonical.ok()) {
    co_return canonical.status();
  }
  host = std::move(canonical).value();
  if (aborted_.cancelled()) {
    co_return Cancelled(host);
  }
  const Result<IpAddress> literal = IpAddress::Parse(host);
  if (literal.ok()) {
    co_return Addresses(1, *literal);
  }
  if (IsLocalhost(host)) {
    co_return LoopbackAddresses();
  }
  const Addresses* const cached = Cached(host);
  if (cached != nullptr) {
    co_return *cached;
  }
  co_return co_await AwaitAnswer(host, deadline);
}

Task<Result<std::vector<IpAddress>>> Resolver::AwaitAnswer(const std::string& host,
                                                           TimePoint deadline) {
  OneShot<Result<Addresses>> answered;
  OneShot<Result<Addresses>>* const waiter = &answered;
  const bool asked = waiters_.contains(host);
  waiters_[host].push_back(waiter);
  if (!asked) {
    Ask(host);
  }
  const Loop::TimerId timer = loop_.AddTimer(deadline, [waiter, &host] {
    SetOnce(*waiter, Result<Addresses>(NotResolved(host, kNoAnswer)));
  });
  const CancelToken::Registration registration(
      aborted_, [waiter, &host] { SetOnce(*waiter, Result<Addresses>(Cancelled(host))); });
  Result<Addresses> result = co_await answered.Wait();
  loop_.CancelTimer(timer);
  const auto it = waiters_.find(host);
  if (it != waiters_.end()) {
    std::erase(it->second, waiter);
  }
  co_return std::move(result);
}

Task<Result<std::string>> Resolver::QueryRecords(std::string name, int type, TimePoint deadline) {
  Result<std::string> canonical = CanonicalHost(name);
  if (!canonical.ok()) {
    co_return canonical.status();
  }
  const auto query = std::make_shared<RecordQuery>(std::move(canonical).value());
  RecordQuery* const target = query.get();
  const Loop::TimerId timer =
      loop_.AddTimer(deadline, [target] { target->Answer(NotResolved(target->name, kNoAnswer)); });
  const CancelToken::Registration registration(
      aborted_, [target] { target->Answer(Cancelled(target->name)); });
  if (!query->answered) {
    auto argument = std::make_unique<std::shared_ptr<RecordQuery>>(query);
    // May answer before it returns.
    ares_query(channel_->raw(), query->name.c_str(), ns_c_in, type, &RecordQuery::OnDone,
               argument.release());
    channel_->ArmTimer();
  }
  Result<std::string> result = co_await query->answer.Wait();
  loop_.CancelTimer(timer);
  co_return std::move(result);
}

Task<Result<std::vector<MxRecord>>> Resolver::ResolveMx(std::string domain, TimePoint deadline) {
  CO_TRY(const std::string answer, QueryRecords(domain, ns_t_mx, deadline));
  if (answer.empty()) {
    co_return std::vector<MxRecord>();
  }
  Result<std::vector<MxRecord>> records = ParseMxAnswer(answer);
  if (!records.ok()) {
    co_return NotResolved(domain, records.status().message());
  }
  co_return std::move(records);
}

Task<Result<std::vector<SrvRecord>>> Resolver::ResolveSrv(std::string name, TimePoint deadline) {
  CO_TRY(const std::string answer, QueryRecords(name, ns_t_srv, deadline));
  if (answer.empty()) {
    co_return std::vector<SrvRecord>();
  }
  Result<std::vector<SrvRecord>> records = ParseSrvAnswer(answer);
  if (!records.ok()) {
    co_return NotResolved(name, records.status().message());
  }
  co_return std::move(records);
}

}  // namespace mailhaul::net
