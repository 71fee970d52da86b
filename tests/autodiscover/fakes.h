// DNS and web servers of a test, in memory.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "connectors/autodiscover/discover.h"

namespace mailhaul::autodiscover {

class FakeDns final : public net::Network {
 public:
  std::map<std::string, std::vector<net::MxRecord>> mx;
  std::map<std::string, std::vector<net::SrvRecord>> srv;
  bool down = false;
  std::vector<std::string> asked;

  net::Task<Result<std::vector<net::MxRecord>>> ResolveMx(std::string domain,
                                                          TimePoint /*deadline*/) override {
    asked.push_back("MX " + domain);
    if (down) {
      co_return Status(Code::kUnreachable, "DNS is down");
    }
    co_return mx[domain];
  }
  net::Task<Result<std::vector<net::SrvRecord>>> ResolveSrv(std::string name,
                                                            TimePoint /*deadline*/) override {
    asked.push_back("SRV " + name);
    if (down) {
      co_return Status(Code::kUnreachable, "DNS is down");
    }
    co_return srv[name];
  }
  net::Task<Result<std::vector<net::IpAddress>>> Resolve(std::string /*host*/,
                                                         TimePoint /*deadline*/) override {
    co_return Status(Code::kInternal, "not asked here");
  }
  net::Task<Result<std::unique_ptr<net::Stream>>> Connect(net::Endpoint /*remote*/,
                                                          std::string /*host*/,
                                                          std::optional<net::IpAddress> /*egress*/,
                                                          TimePoint /*deadline*/) override {
    co_return Status(Code::kInternal, "not asked here");
  }
  net::Task<Result<std::unique_ptr<net::Stream>>> StartTls(std::unique_ptr<net::Stream> /*stream*/,
                                                           std::string /*host_name*/,
                                                           TimePoint /*deadline*/) override {
    co_return Status(Code::kInternal, "not asked here");
  }
  Result<std::unique_ptr<net::Listener>> Listen(net::Endpoint /*local*/) override {
    return Status(Code::kInternal, "not asked here");
  }
  void Abort() override {}
};

class FakeHttp final : public HttpClient {
 public:
  std::map<std::string, HttpAnswer> answers;
  std::vector<std::string> asked;

  void Answer(const std::string& url, const std::string& body, int status = 200) {
    HttpAnswer answer;
    answer.status = status;
    answer.body = Secret(body);
    answers[url] = std::move(answer);
  }
  net::Task<Result<HttpAnswer>> Fetch(HttpRequest request, TimePoint /*deadline*/) override {
    asked.push_back(request.method + " " + request.url);
    const auto found = answers.find(request.url);
    if (found == answers.end()) {
      co_return Status(Code::kUnreachable, request.url + " does not answer");
    }
    co_return found->second;
  }
};

class FakeProviders final : public KnownProviders {
 public:
  explicit FakeProviders(std::string exchanger) : exchanger_(std::move(exchanger)) {}
  bool HasExchanger(std::string_view host) const override { return host == exchanger_; }

 private:
  std::string exchanger_;
};

inline AddressParts Alice() { return SplitAddress("alice+tag@example.com").value(); }

// "imap imap.example.com:993 tls alice+tag@example.com", one a line.
inline std::string Shown(const std::vector<FoundServer>& servers) {
  std::string shown;
  for (const FoundServer& server : servers) {
    const char* const services[] = {"imap", "pop3", "smtp"};
    const char* const modes[] = {" tls ", " starttls ", " PLAINTEXT "};
    shown += services[static_cast<size_t>(server.service)];
    shown += " " + server.address.host + ":" + std::to_string(server.address.port);
    shown += modes[static_cast<size_t>(server.address.security)] + server.username;
    shown += server.trusted ? "" : " untrusted";
    shown += server.password ? "" : " nopassword";
    shown += server.oauth2 ? " oauth2" : "";
    shown += "\n";
  }
  return shown;
}

}  // namespace mailhaul::autodiscover
