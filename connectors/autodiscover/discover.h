// Finds the mail servers of an address by asking DNS and the domain's web server. README.md says
// in which order, and what is believed.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "connectors/autodiscover/found_server.h"
#include "connectors/http_client.h"
#include "connectors/net/network.h"

namespace mailhaul::autodiscover {

// The providers whose servers are known anyway.
class KnownProviders {
 public:
  virtual ~KnownProviders() = default;
  // Whether mail for a domain with this exchanger (lower case) lies with one of them.
  virtual bool HasExchanger(std::string_view host) const = 0;
};

struct Discovery {
  std::string exchanger;             // Of a known provider; then nothing else was asked.
  std::vector<FoundServer> servers;  // Best first; trusted ones before the others.
  std::string asked;                 // One line for people: every question and what came of it.
};

// All arguments must live until done. kInvalidArgument: no such address. kNotFound: nobody names a
// server for IMAP or POP3; the message says what was asked. kUnreachable: the same, but DNS did not
// answer, so that it may be otherwise later.
net::Task<Result<Discovery>> Discover(net::Network& network, HttpClient& http,
                                      const KnownProviders& providers, std::string address,
                                      TimePoint deadline);

}  // namespace mailhaul::autodiscover
