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
  std::string peer_name() const override { return inner_->peer_name(); }

 private:
  std::unique_ptr<net::Stream> inner_;
};

class PretendedTls final : public WrappedStream {
 public:
  using WrappedStream::WrappedStream;
  bool secure() const override { return true; }
};

// Counts as open until it is closed or destroyed.
class CountedStream final : public WrappedStream {
 public:
  using Pools = std::map<MemoryNetwork::PoolKey, MemoryNetwork::PoolCount>;

  CountedStream(std::unique_ptr<net::Stream> inner, std::shared_ptr<Pools> pools,
                MemoryNetwork::PoolKey key)
      : WrappedStream(std::move(inner)), pools_(std::move(pools)), key_(std::move(key)) {
    MemoryNetwork::PoolCount& count = (*pools_)[key_];
    ++count.total;
    ++count.open;
    count.open_max = std::max(count.open_max, count.open);
  }
  ~CountedStream() override { CountOut(); }
  net::Task<void> Close() override {
    co_await WrappedStream::Close();
    CountOut();
  }

 private:
  void CountOut() {
    if (!counted_out_) {
      counted_out_ = true;
      --(*pools_)[key_].open;
    }
  }

  const std::shared_ptr<Pools> pools_;
  const MemoryNetwork::PoolKey key_;
  bool counted_out_ = false;
};

}  // namespace

MemoryNetwork::MemoryNetwork(const MemoryNetworkOptions& options, Random& random)
    : options_(options),
      random_(random),
      pools_(std::make_shared<std::map<PoolKey, PoolCount>>()) {}

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

void MemoryNetwork::SetDown(const std::string& host, bool down) {
  if (down) {
    down_.insert(host);
  } else {
    down_.erase(host);
  }
}

net::Task<Result<std::vector<net::IpAddress>>> MemoryNetwork::Resolve(std::string host,
                                                                      TimePoint /*deadline*/) {
  const auto it = addresses_.find(host);
  if (it == addresses_.end()) {
    co_return Status(Code::kUnreachable, host + " has no address");
  }
  co_return std::vector<net::IpAddress>(1, it->second);
}

net::MemoryStreamOptions MemoryNetwork::StreamOptions(const std::string& name) {
  net::MemoryStreamOptions stream;
  stream.buffer_bytes_max = options_.buffer_bytes_max;
  stream.read_bytes_max = options_.read_bytes_max;
  stream.latency = options_.latency;
  stream.first_name = name;
  if (options_.cut_one_in > 0 && random_.Chance(1, options_.cut_one_in)) {
    stream.cut_after_bytes_back = random_.Below(options_.cut_bytes_max + 1);
  }
  return stream;
}

net::Task<Result<std::unique_ptr<net::Stream>>> MemoryNetwork::Connect(
    net::Endpoint remote, std::string host, std::optional<net::IpAddress> egress,
    TimePoint /*deadline*/) {
  if (options_.latency > Duration::zero()) {
    const TimePoint connected = net::Loop::Current()->Now() + options_.latency;
    co_await net::SleepUntil(connected);
  }
  const std::string name = host + " (" + remote.ToString() + ")";
  const auto server = servers_.find(remote);
  if (server == servers_.end() || down_.count(host) > 0) {
    co_return Status(Code::kUnreachable, name + " refused the connection");
  }
  std::pair<std::unique_ptr<net::Stream>, std::unique_ptr<net::Stream>> ends =
      net::MakeMemoryStreams(StreamOptions(name));
  PoolKey key(egress ? egress->ToString() : "", host);
  std::unique_ptr<net::Stream> counted =
      std::make_unique<CountedStream>(std::move(ends.first), pools_, std::move(key));
  servers_running_.Spawn(server->second(std::move(ends.second)));
  co_return counted;
}

net::Task<Result<std::unique_ptr<net::Stream>>> MemoryNetwork::StartTls(
    std::unique_ptr<net::Stream> stream, std::string /*host_name*/, TimePoint /*deadline*/) {
  ++tls_handshakes_;
  std::unique_ptr<net::Stream> secure = std::make_unique<PretendedTls>(std::move(stream));
  co_return secure;
}

Result<std::unique_ptr<net::Listener>> MemoryNetwork::Listen(net::Endpoint local) {
  return Status(Code::kInvalidArgument, "nothing listens in memory on " + local.ToString());
}

}  // namespace mailhaul::test_support
