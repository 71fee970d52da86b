#include "tests/support/memory_network.h"

#include <algorithm>

#include "connectors/net/loop.h"
#include "tests/support/scripted_imap_server.h"

namespace mailhaul::test_support {
namespace {

// Passes everything on to another stream.
class WrappedStream : public net::Stream {
 public:
  explicit WrappedStream(std::unique_ptr<net::Stream> inner) : inner_(std::move(inner)) {}

  net::Task<Result<size_t>> Read(std::span<char> out) override { return inner_->Read(out); }
  net::Task<Status> Write(std::string_view bytes) override { return inner_->Write(bytes); }
  void SetDeadline(TimePoint deadline) override { inner_->SetDeadline(deadline); }
  void Abort() override { inner_->Abort(); }
  net::Task<void> Close() override { return inner_->Close(); }
  bool secure() const override { return inner_->secure(); }
  std::optional<net::ChannelBinding> channel_binding() const override {
    return inner_->channel_binding();
  }
  std::string peer_name() const override { return inner_->peer_name(); }

 private:
  std::unique_ptr<net::Stream> inner_;
};

class PretendedTls final : public WrappedStream {
 public:
  using WrappedStream::WrappedStream;
  bool secure() const override { return true; }
};

Status Cancelled(const std::string& what) { return {Code::kCancelled, what + ": cancelled"}; }

// False, at once, when `token` is cancelled before the time is over.
net::Task<bool> WaitFor(Duration time, net::CancelToken& token) {
  net::OneShot<bool> done;
  net::OneShot<bool>* const target = &done;
  const auto finish = [target](bool waited) {
    if (!target->has_value()) {
      target->Set(waited);
    }
  };
  const net::CancelToken::Registration registration(token, [finish] { finish(false); });
  if (time <= Duration::zero()) {
    finish(true);
    co_return co_await done.Wait();
  }
  net::Loop& loop = *net::Loop::Current();
  const net::Loop::TimerId timer = loop.AddTimer(loop.Now() + time, [finish] { finish(true); });
  const bool waited = co_await done.Wait();
  loop.CancelTimer(timer);
  co_return waited;
}

}  // namespace

struct MemoryNetwork::Book {
  std::map<PoolKey, PoolCount> pools;
  std::map<uint64_t, net::Stream*> open;  // In the order of their opening, not of addresses.
  uint64_t opened = 0;
};

// One connection, counted from its dial until it is given up.
class MemoryNetwork::Dial final {
 public:
  Dial(std::shared_ptr<Book> book, NetworkObserver* observer, PoolKey key)
      : book_(std::move(book)), observer_(observer), key_(std::move(key)) {
    PoolCount& count = book_->pools[key_];
    ++count.open;
    count.open_max = std::max(count.open_max, count.open);
    if (observer_ != nullptr) {
      observer_->OnDial(key_.first, key_.second);
    }
  }
  ~Dial() {
    --book_->pools[key_].open;
    if (observer_ != nullptr) {
      observer_->OnReleased(key_.first, key_.second);
    }
  }
  Dial(const Dial&) = delete;
  Dial& operator=(const Dial&) = delete;

  Book& book() { return *book_; }
  const PoolKey& key() const { return key_; }

 private:
  const std::shared_ptr<Book> book_;
  NetworkObserver* const observer_;
  const PoolKey key_;
};

// Counts until it is closed or destroyed.
class MemoryNetwork::CountedStream final : public WrappedStream {
 public:
  CountedStream(std::unique_ptr<net::Stream> inner, std::unique_ptr<Dial> dial)
      : WrappedStream(std::move(inner)), dial_(std::move(dial)) {
    ++dial_->book().pools[dial_->key()].total;
    number_ = ++dial_->book().opened;
    dial_->book().open.emplace(number_, this);
  }
  ~CountedStream() override { Forget(); }
  net::Task<void> Close() override {
    Forget();
    co_await WrappedStream::Close();
    dial_.reset();
  }

 private:
  // It must not be aborted any more.
  void Forget() {
    if (dial_ != nullptr) {
      dial_->book().open.erase(number_);
    }
  }

  std::unique_ptr<Dial> dial_;
  uint64_t number_ = 0;
};

MemoryNetwork::MemoryNetwork(const MemoryNetworkOptions& options, Random& random)
    : options_(options), random_(random), book_(std::make_shared<Book>()) {}

const std::map<MemoryNetwork::PoolKey, MemoryNetwork::PoolCount>& MemoryNetwork::pools() const {
  return book_->pools;
}

void MemoryNetwork::Sever() {
  Abort();
  const std::map<uint64_t, net::Stream*> open = book_->open;
  for (const auto& [number, stream] : open) {
    stream->Abort();
  }
}

MemoryNetwork::~MemoryNetwork() = default;

net::Endpoint MemoryNetwork::Register(const std::string& host, uint16_t port, Server server) {
  const size_t number = addresses_.size();
  const auto [it, is_new] = addresses_.try_emplace(
      host, net::IpAddress::V4(93, static_cast<uint8_t>(100 + number / 65536 % 100),
                               static_cast<uint8_t>(number / 256 % 256),
                               static_cast<uint8_t>(number % 256)));
  static_cast<void>(is_new);
  net::Endpoint endpoint;
  endpoint.address = it->second;
  endpoint.port = port;
  servers_[endpoint] = std::move(server);
  return endpoint;
}

net::Endpoint MemoryNetwork::RegisterImap(const std::string& host, uint16_t port,
                                          ScriptedMailServer& server) {
  return Register(host, port, [&server](std::unique_ptr<net::Stream> stream) {
    return ServeConnection(std::move(stream), server);
  });
}

void MemoryNetwork::RegisterMx(const std::string& domain, std::vector<net::MxRecord> records) {
  mx_records_[domain] = std::move(records);
}

void MemoryNetwork::RegisterSrv(const std::string& name, std::vector<net::SrvRecord> records) {
  srv_records_[name] = std::move(records);
}

void MemoryNetwork::SetDown(const std::string& host, bool down) {
  if (down) {
    down_.insert(host);
  } else {
    down_.erase(host);
  }
}

void MemoryNetwork::SetRefused(const std::string& host, const std::string& egress, bool refused) {
  if (refused) {
    refused_.emplace(egress, host);
  } else {
    refused_.erase(PoolKey(egress, host));
  }
}

net::Task<Result<std::vector<net::IpAddress>>> MemoryNetwork::Resolve(std::string host,
                                                                      TimePoint /*deadline*/) {
  if (aborted_.cancelled()) {
    co_return Cancelled(host);
  }
  const auto it = addresses_.find(host);
  if (it == addresses_.end()) {
    co_return Status(Code::kUnreachable, host + " has no address");
  }
  co_return std::vector<net::IpAddress>(1, it->second);
}

net::Task<Result<std::vector<net::MxRecord>>> MemoryNetwork::ResolveMx(std::string domain,
                                                                       TimePoint /*deadline*/) {
  if (aborted_.cancelled()) {
    co_return Cancelled(domain);
  }
  const auto it = mx_records_.find(domain);
  co_return it == mx_records_.end() ? std::vector<net::MxRecord>() : it->second;
}

net::Task<Result<std::vector<net::SrvRecord>>> MemoryNetwork::ResolveSrv(std::string name,
                                                                         TimePoint /*deadline*/) {
  if (aborted_.cancelled()) {
    co_return Cancelled(name);
  }
  const auto it = srv_records_.find(name);
  co_return it == srv_records_.end() ? std::vector<net::SrvRecord>() : it->second;
}

net::MemoryStreamOptions MemoryNetwork::StreamOptions(const std::string& name, const PoolKey& key) {
  net::MemoryStreamOptions stream;
  stream.buffer_bytes_max = options_.buffer_bytes_max;
  stream.read_bytes_max = options_.read_bytes_max;
  stream.cut_after_bytes_forward = options_.cut_after_bytes_forward;
  stream.latency = options_.latency;
  stream.first_name = name;
  stream.second_name = key.first;
  if (cuts_ && options_.cut_one_in > 0 && random_.Chance(1, options_.cut_one_in)) {
    stream.cut_after_bytes_back = random_.Below(options_.cut_bytes_max + 1);
  }
  return stream;
}

net::Task<Result<std::unique_ptr<net::Stream>>> MemoryNetwork::Connect(
    net::Endpoint remote, std::string host, std::optional<net::IpAddress> egress,
    TimePoint /*deadline*/) {
  const std::string name = host + " (" + remote.ToString() + ")";
  const PoolKey key(egress ? egress->ToString() : "", host);
  auto dial = std::make_unique<Dial>(book_, options_.observer, key);
  const bool waited = co_await WaitFor(options_.latency, aborted_);
  if (!waited) {
    co_return Cancelled(name);
  }
  const auto server = servers_.find(remote);
  if (server == servers_.end() || down_.count(host) > 0 || refused_.count(key) > 0) {
    co_return Status(Code::kUnreachable, name + " refused the connection");
  }
  std::pair<std::unique_ptr<net::Stream>, std::unique_ptr<net::Stream>> ends =
      net::MakeMemoryStreams(StreamOptions(name, key));
  std::unique_ptr<net::Stream> counted =
      std::make_unique<CountedStream>(std::move(ends.first), std::move(dial));
  servers_running_.Spawn(server->second(std::move(ends.second)));
  co_return counted;
}

net::Task<Result<std::unique_ptr<net::Stream>>> MemoryNetwork::StartTls(
    std::unique_ptr<net::Stream> stream, std::string host_name, TimePoint /*deadline*/) {
  if (aborted_.cancelled()) {
    co_return Cancelled(host_name);
  }
  ++tls_handshakes_;
  std::unique_ptr<net::Stream> secure = std::make_unique<PretendedTls>(std::move(stream));
  co_return secure;
}

Result<std::unique_ptr<net::Listener>> MemoryNetwork::Listen(net::Endpoint local) {
  return Status(Code::kInvalidArgument, "nothing listens in memory on " + local.ToString());
}

}  // namespace mailhaul::test_support
