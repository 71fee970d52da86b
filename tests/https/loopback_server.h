// A small HTTPS server on loopback that reads one request per connection and answers with the bytes
// it was given.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "connectors/net/tls_stream.h"
#include "connectors/net/uv_network.h"
#include "tests/net/certificates.h"

namespace mailhaul::https {

struct LoopbackServerOptions {
  std::shared_ptr<const net::TlsContext> tls;  // Null: plaintext.
  std::string answer;
  bool silent = false;  // Reads, never answers.
};

// Belongs to one loop. Stop() before it dies.
class LoopbackServer final {
 public:
  LoopbackServer(net::Network& network, LoopbackServerOptions options)
      : options_(std::move(options)) {
    net::Endpoint local;
    local.address = net::IpAddress::V4(127, 0, 0, 1);
    Result<std::unique_ptr<net::Listener>> listener = network.Listen(local);
    MH_CHECK(listener.ok());
    listener_ = std::move(listener).value();
    group_.Spawn(Accept());
  }

  uint16_t port() const { return listener_->port(); }
  std::string url(const std::string& path = "/token") const {
    return (options_.tls == nullptr ? "http" : "https") + std::string("://localhost:") +
           std::to_string(port()) + path;
  }
  size_t accepted() const { return accepted_; }
  const std::vector<std::string>& requests() const { return requests_; }

  net::Task<void> Stop() {
    listener_->Abort();
    for (net::Stream* stream : open_) {
      stream->Abort();
    }
    co_await group_.Drain();
  }

 private:
  net::Task<void> Accept() {
    while (true) {
      Result<std::unique_ptr<net::Stream>> stream = co_await listener_->Accept();
      if (!stream.ok()) {
        co_return;
      }
      ++accepted_;
      group_.Spawn(Serve(std::move(stream).value()));
    }
  }

  net::Task<void> Serve(std::unique_ptr<net::Stream> plain) {
    if (options_.tls == nullptr) {
      co_await Converse(std::move(plain));
      co_return;
    }
    const TimePoint deadline = net::Loop::Current()->Now() + std::chrono::seconds(30);
    Result<std::unique_ptr<net::Stream>> stream =
        co_await net::AcceptTls(std::move(plain), options_.tls, deadline);
    if (stream.ok()) {
      co_await Converse(std::move(stream).value());
    }
  }

  net::Task<void> Converse(std::unique_ptr<net::Stream> stream) {
    open_.push_back(stream.get());
    std::string request;
    while (!IsWhole(request)) {
      char buffer[4096];
      const Result<size_t> count = co_await stream->Read(buffer);
      if (!count.ok() || *count == 0) {
        break;
      }
      request.append(buffer, *count);
    }
    if (!request.empty()) {
      requests_.push_back(request);
    }
    if (options_.silent) {
      char buffer[1];
      const Result<size_t> end = co_await stream->Read(buffer);
      static_cast<void>(end);
    } else {
      const Status written = co_await stream->Write(options_.answer);
      static_cast<void>(written);  // The client may have had enough.
    }
    std::erase(open_, stream.get());
    co_await stream->Close();
  }

  static bool IsWhole(const std::string& request) {
    const size_t end = request.find("\r\n\r\n");
    if (end == std::string::npos) {
      return false;
    }
    const size_t length = request.find("Content-Length: ");
    const size_t body = length == std::string::npos ? 0 : std::stoul(request.substr(length + 16));
    return request.size() >= end + 4 + body;
  }

  const LoopbackServerOptions options_;
  std::unique_ptr<net::Listener> listener_;
  net::TaskGroup group_;
  size_t accepted_ = 0;
  std::vector<std::string> requests_;
  std::vector<net::Stream*> open_;
};

// The real network with some names of its own.
class NamedNetwork final : public net::Network {
 public:
  explicit NamedNetwork(net::UvLoop& loop) {
    Result<std::unique_ptr<net::UvNetwork>> real = net::UvNetwork::Create(loop, {});
    MH_CHECK(real.ok());
    real_ = std::move(real).value();
  }

  std::vector<net::IpAddress> addresses;  // Of every host; empty: asks the real network.

  net::Task<Result<std::vector<net::IpAddress>>> Resolve(std::string host,
                                                         TimePoint deadline) override {
    if (!addresses.empty()) {
      co_return addresses;
    }
    co_return co_await real_->Resolve(std::move(host), deadline);
  }
  net::Task<Result<std::vector<net::MxRecord>>> ResolveMx(std::string domain,
                                                          TimePoint deadline) override {
    co_return co_await real_->ResolveMx(std::move(domain), deadline);
  }
  net::Task<Result<std::vector<net::SrvRecord>>> ResolveSrv(std::string name,
                                                            TimePoint deadline) override {
    co_return co_await real_->ResolveSrv(std::move(name), deadline);
  }
  void Abort() override { real_->Abort(); }
  net::Task<Result<std::unique_ptr<net::Stream>>> Connect(net::Endpoint /*remote*/,
                                                          std::string /*host*/,
                                                          std::optional<net::IpAddress> /*egress*/,
                                                          TimePoint /*deadline*/) override {
    co_return Status(Code::kInternal, "libcurl connects");
  }
  net::Task<Result<std::unique_ptr<net::Stream>>> StartTls(std::unique_ptr<net::Stream> /*stream*/,
                                                           std::string /*host_name*/,
                                                           TimePoint /*deadline*/) override {
    co_return Status(Code::kInternal, "libcurl speaks TLS");
  }
  Result<std::unique_ptr<net::Listener>> Listen(net::Endpoint local) override {
    return real_->Listen(local);
  }

 private:
  std::unique_ptr<net::UvNetwork> real_;
};

}  // namespace mailhaul::https
