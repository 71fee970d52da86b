#include "connectors/autodiscover/discover.h"

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "connectors/autodiscover/autoconfig.h"
#include "connectors/autodiscover/srv_records.h"

namespace mailhaul::autodiscover {
namespace {

constexpr int kHttpOk = 200;
constexpr size_t kAskedBytesMax = 2000;  // And one more note.

bool IsIncoming(const FoundServer& server) { return server.service != Service::kSubmission; }

class Search final {
 public:
  Search(net::Network& network, HttpClient& http, const KnownProviders& providers,
         AddressParts address, TimePoint deadline)
      : network_(network),
        http_(http),
        providers_(providers),
        address_(std::move(address)),
        deadline_(deadline) {}

  net::Task<Result<Discovery>> Run() {
    co_await AskMx();
    if (found_.exchanger.empty()) {
      co_await AskAllSrv();
    }
    if (found_.exchanger.empty() && !HasTrustedSource()) {
      co_await AskAutoconfig();
    }
    std::stable_partition(found_.servers.begin(), found_.servers.end(),
                          [](const FoundServer& server) { return server.trusted; });
    const bool any = std::any_of(found_.servers.begin(), found_.servers.end(), IsIncoming);
    if (found_.exchanger.empty() && !any) {
      co_return Status(
          dns_failed_ ? Code::kUnreachable : Code::kNotFound,
          "no mail server is known for the domain " + address_.domain + " (" + found_.asked + ")");
    }
    co_return std::move(found_);
  }

 private:
  bool HasTrustedSource() const {
    return std::any_of(found_.servers.begin(), found_.servers.end(), [](const FoundServer& server) {
      return server.trusted && IsIncoming(server);
    });
  }

  void Note(const std::string& what) {
    if (found_.asked.size() < kAskedBytesMax) {
      found_.asked += (found_.asked.empty() ? "" : "; ") + what;
    }
  }

  net::Task<void> AskMx() {
    const Result<std::vector<net::MxRecord>> records =
        co_await network_.ResolveMx(address_.domain, deadline_);
    if (!records.ok()) {
      dns_failed_ = true;
      Note("MX: " + records.status().message());
      co_return;
    }
    for (const net::MxRecord& record : *records) {
      std::string host = AsciiLowered(record.host);
      if (providers_.HasExchanger(host)) {
        Note("MX " + EscapeForLog(host));
        found_.exchanger = std::move(host);
        co_return;
      }
    }
    Note("MX: no known provider");
  }

  net::Task<void> AskAllSrv() {
    for (const SrvQuestion& question : SrvQuestions()) {
      const std::string name = SrvName(question, address_.domain);
      const Result<std::vector<net::SrvRecord>> records =
          co_await network_.ResolveSrv(name, deadline_);
      if (!records.ok()) {
        dns_failed_ = true;
        Note("SRV: " + records.status().message());
        co_return;  // The others would fail as well, after another time-out each.
      }
      Add(ServersOfSrv(question, address_, *records));
    }
    Note("SRV: " + std::to_string(found_.servers.size()) + " servers");
  }

  net::Task<void> AskAutoconfig() {
    for (const std::string& url : AutoconfigUrls(address_)) {
      HttpRequest request;
      request.url = url;
      const Result<HttpAnswer> answer = co_await http_.Fetch(std::move(request), deadline_);
      if (!answer.ok()) {
        Note(answer.status().message());
        continue;
      }
      if (answer->status != kHttpOk) {
        Note(url + ": status " + std::to_string(answer->status));
        continue;
      }
      Result<std::vector<FoundServer>> servers =
          ParseAutoconfig(answer->body.Reveal(), address_, url);
      if (!servers.ok()) {
        Note(url + ": " + servers.status().message());
        continue;
      }
      Note(url + ": " + std::to_string(servers->size()) + " servers");
      Add(std::move(servers).value());
      if (HasTrustedSource()) {
        co_return;
      }
    }
  }

  void Add(std::vector<FoundServer> servers) {
    for (FoundServer& server : servers) {
      found_.servers.push_back(std::move(server));
    }
  }

  net::Network& network_;
  HttpClient& http_;
  const KnownProviders& providers_;
  const AddressParts address_;
  const TimePoint deadline_;
  Discovery found_;
  bool dns_failed_ = false;
};

}  // namespace

net::Task<Result<Discovery>> Discover(net::Network& network, HttpClient& http,
                                      const KnownProviders& providers, std::string address,
                                      TimePoint deadline) {
  Result<AddressParts> parts = SplitAddress(address);
  if (!parts.ok()) {
    co_return parts.status();
  }
  Search search(network, http, providers, std::move(parts).value(), deadline);
  co_return co_await search.Run();
}

}  // namespace mailhaul::autodiscover
