#include "engine/app/discover_servers.h"

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "base/log.h"
#include "base/text.h"
#include "connectors/https/curl_http_client.h"
#include "connectors/net/task.h"
#include "connectors/net/uv_loop.h"
#include "connectors/net/uv_network.h"

namespace mailhaul::app {
namespace {

using autodiscover::Discovery;
using autodiscover::FoundServer;
using autodiscover::Service;

class ProfilesByExchanger final : public autodiscover::KnownProviders {
 public:
  explicit ProfilesByExchanger(const config::Providers& providers) : providers_(providers) {}
  bool HasExchanger(std::string_view host) const override {
    return providers_.ByExchanger(host) != nullptr;
  }

 private:
  const config::Providers& providers_;
};

Service ServiceOf(config::Protocol protocol) {
  return protocol == config::Protocol::kImap ? Service::kImap : Service::kPop3;
}

const char* NameOf(config::Protocol protocol) {
  return protocol == config::Protocol::kImap ? "IMAP" : "POP3";
}

bool Takes(const FoundServer& server, const config::Server& credentials) {
  return credentials.oauth2.has_value() ? server.oauth2 : server.password;
}

const FoundServer* Choose(const Discovery& found, Service service,
                          const config::Server& credentials) {
  for (const FoundServer& server : found.servers) {
    if (server.service == service && server.trusted && Takes(server, credentials)) {
      return &server;
    }
  }
  return nullptr;
}

void TakeServer(const FoundServer& from, const std::string& address, config::Server& to) {
  to.host = from.address.host;
  to.port = from.address.port;
  to.security = from.address.security == Security::kTls ? config::SecurityMode::kTls
                                                        : config::SecurityMode::kStartTls;
  if (EqualsIgnoreCase(to.username, address) && !EqualsIgnoreCase(from.username, address)) {
    to.username = from.username;
  }
}

void TakeServer(const config::MailServer& from, config::Server& to) {
  to.host = from.host;
  to.port = from.port;
  to.security = from.security;
}

Status NothingFor(const Discovery& found, const config::MailboxConfig& mailbox) {
  const Service service = ServiceOf(mailbox.source.protocol);
  std::string message = std::string("no ") + NameOf(mailbox.source.protocol) + " server for " +
                        EscapeForLog(mailbox.address) + " can be used: ";
  for (const FoundServer& server : found.servers) {
    const std::string name = server.address.host + ":" + std::to_string(server.address.port);
    if (server.service == service && !server.trusted) {
      return {Code::kNotFound, message + server.origin + " names " + name +
                                   ", but without proof that the domain means it; if it is right, "
                                   "give it as 'host' of the source"};
    }
    if (server.service == service) {
      return {Code::kNotFound, message + name + " takes no " +
                                   (server.password ? "OAuth 2.0" : "password, but OAuth 2.0")};
    }
  }
  return {Code::kNotFound,
          message + "give the 'host' of the source, or another 'protocol' (" + found.asked + ")"};
}

Status TakeProfile(const config::Providers::Profile& profile, config::MailboxConfig& mailbox) {
  const std::optional<config::MailServer>& server = profile->SourceServer(mailbox.source.protocol);
  if (!server) {
    return {Code::kNotFound, "the provider '" + profile->name + "' of " +
                                 EscapeForLog(mailbox.address) + " has no server for " +
                                 NameOf(mailbox.source.protocol)};
  }
  TakeServer(*server, mailbox.source);
  mailbox.profile = profile;
  return {};
}

// Its credentials, unless the configuration gives others, are the source's.
void FillSubmission(const Discovery& found, const std::string& username_before,
                    config::MailboxConfig& mailbox) {
  config::Server submission = mailbox.submission.value_or(mailbox.source);
  if (mailbox.submission.has_value() && !mailbox.submission->host.empty()) {
    return;
  }
  submission.username = mailbox.submission.has_value() ? submission.username : username_before;
  const bool offered = mailbox.profile != nullptr && mailbox.profile->smtp.has_value();
  const FoundServer* server = Choose(found, Service::kSubmission, submission);
  if (offered) {
    TakeServer(*mailbox.profile->smtp, submission);
  } else if (server != nullptr) {
    TakeServer(*server, mailbox.address, submission);
  } else {
    mailbox.submission.reset();
    return;
  }
  mailbox.submission = std::move(submission);
}

// One search for many mailboxes of one domain: whether the answer for `first` is one for the others
// too, once the user names that are its address or local part have been exchanged.
std::optional<Discovery> Translated(Discovery found, const autodiscover::AddressParts& first,
                                    const autodiscover::AddressParts& other) {
  for (FoundServer& server : found.servers) {
    if (server.username == first.address) {
      server.username = other.address;
    } else if (server.username == first.local) {
      server.username = other.local;
    } else {
      return std::nullopt;
    }
  }
  return found;
}

class Searches final {
 public:
  Searches(config::Config& config, net::Network& network, HttpClient& http, const Clock& clock)
      : providers_(*config.providers),
        known_(providers_),
        network_(network),
        http_(http),
        clock_(clock),
        deadline_(clock.Now() + kDiscoveryTimeout) {
    std::map<std::string, std::vector<config::MailboxConfig*>> by_domain;
    for (config::TenantConfig& tenant : config.tenants) {
      for (config::MailboxConfig& mailbox : tenant.mailboxes) {
        if (mailbox.source.host.empty()) {
          by_domain[mailbox.pool].push_back(&mailbox);
        }
      }
    }
    for (auto& [domain, mailboxes] : by_domain) {
      domains_.push_back(std::move(mailboxes));
    }
  }

  net::Task<void> Run() {
    net::TaskGroup group;
    for (size_t i = 0; i < std::min(kSearchesMax, domains_.size()); ++i) {
      group.Spawn(Work());
    }
    co_await group.Drain();
  }

 private:
  net::Task<void> Work() {
    while (next_ < domains_.size()) {
      const size_t mine = next_;
      ++next_;
      co_await SearchDomain(domains_[mine]);
    }
  }

  net::Task<void> SearchDomain(const std::vector<config::MailboxConfig*>& mailboxes) {
    const config::MailboxConfig& first = *mailboxes.front();
    const Result<Discovery> found = co_await Search(first.address);
    for (config::MailboxConfig* mailbox : mailboxes) {
      if (!found.ok()) {
        Apply(found, *mailbox);
        continue;
      }
      const Result<Discovery> own = co_await SearchLike(*found, first.address, mailbox->address);
      Apply(own, *mailbox);
    }
  }

  net::Task<Result<Discovery>> Search(const std::string& address) {
    const TimePoint until = std::min(deadline_, clock_.Now() + kSearchTimeout);
    if (clock_.Now() >= deadline_) {
      co_return Status(Code::kTimeout, "the search for mail servers took too long");
    }
    co_return co_await autodiscover::Discover(network_, http_, known_, address, until);
  }

  net::Task<Result<Discovery>> SearchLike(const Discovery& found, const std::string& first,
                                          const std::string& address) {
    const Result<autodiscover::AddressParts> from = autodiscover::SplitAddress(first);
    const Result<autodiscover::AddressParts> to = autodiscover::SplitAddress(address);
    if (from.ok() && to.ok()) {
      std::optional<Discovery> own = Translated(found, *from, *to);
      if (own) {
        co_return *std::move(own);
      }
    }
    co_return co_await Search(address);
  }

  void Apply(const Result<Discovery>& found, config::MailboxConfig& mailbox) {
    mailbox.undiscovered =
        found.ok() ? ApplyDiscovery(*found, providers_, mailbox)
                   : Status(found.status().code(),
                            found.status().message() + "; give the 'host' of the source");
    if (mailbox.undiscovered.ok()) {
      LogInfo("found " + mailbox.source.host + " for " + EscapeForLog(mailbox.address) + " (" +
              found->asked + ")");
    }
  }

  const config::Providers& providers_;
  const ProfilesByExchanger known_;
  net::Network& network_;
  HttpClient& http_;
  const Clock& clock_;
  const TimePoint deadline_;
  std::vector<std::vector<config::MailboxConfig*>> domains_;
  size_t next_ = 0;
};

bool IsAnyMissing(const config::Config& config) {
  return std::any_of(config.tenants.begin(), config.tenants.end(), [](const auto& tenant) {
    return std::any_of(tenant.mailboxes.begin(), tenant.mailboxes.end(),
                       [](const auto& mailbox) { return mailbox.source.host.empty(); });
  });
}

net::Task<void> RunAndStop(config::Config& config, net::Network& network, HttpClient& http,
                           const Clock& clock, net::UvLoop& loop) {
  co_await DiscoverServers(config, network, http, clock);
  loop.Stop();
}

}  // namespace

Status ApplyDiscovery(const Discovery& found, const config::Providers& providers,
                      config::MailboxConfig& mailbox) {
  const std::string username_before = mailbox.source.username;
  if (!found.exchanger.empty()) {
    const config::Providers::Profile profile = providers.ByExchanger(found.exchanger);
    if (profile == nullptr) {
      return {Code::kNotFound, "no provider has the exchanger " + EscapeForLog(found.exchanger)};
    }
    MH_RETURN_IF_ERROR(TakeProfile(profile, mailbox));
  } else {
    const FoundServer* server = Choose(found, ServiceOf(mailbox.source.protocol), mailbox.source);
    if (server == nullptr) {
      return NothingFor(found, mailbox);
    }
    TakeServer(*server, mailbox.address, mailbox.source);
    mailbox.profile = providers.ByServer(mailbox.source.host);
  }
  const config::Providers::Profile of_host = providers.ByServer(mailbox.source.host);
  mailbox.pool = of_host == nullptr ? mailbox.source.host : of_host->name;
  FillSubmission(found, username_before, mailbox);
  return {};
}

net::Task<void> DiscoverServers(config::Config& config, net::Network& network, HttpClient& http,
                                const Clock& clock) {
  Searches searches(config, network, http, clock);
  co_await searches.Run();
}

Status DiscoverServersNow(config::Config& config) {
  if (!IsAnyMissing(config)) {
    return {};
  }
  const SystemClock clock;
  net::UvLoop loop;
  net::UvNetworkOptions options;
  options.ca_file = config.network.ca_file;
  MH_ASSIGN_OR_RETURN(const std::unique_ptr<net::UvNetwork> network,
                      net::UvNetwork::Create(loop, options));
  https::CurlHttpClientOptions http_options;
  http_options.allow_private = config.network.allow_private;
  http_options.ca_file = config.network.ca_file;
  http_options.connect_timeout = config.network.connect_timeout;
  https::CurlHttpClient http(*network, http_options);
  net::TaskGroup group;
  loop.Post([&] { group.Spawn(RunAndStop(config, *network, http, clock, loop)); });
  loop.Run();
  return {};
}

}  // namespace mailhaul::app
