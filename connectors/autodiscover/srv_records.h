// SRV records that name mail servers (RFC 6186 section 3, RFC 8314 section 5.1).
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "connectors/autodiscover/found_server.h"
#include "connectors/net/network.h"

namespace mailhaul::autodiscover {

struct SrvQuestion {
  std::string_view label;  // "_imaps"
  Service service;
  Security security;  // _imap, _pop3 and _submission: STARTTLS, required.
};

// Best first: implicit TLS before STARTTLS, IMAP before POP3.
std::span<const SrvQuestion> SrvQuestions();

// "_imaps._tcp.example.com"
std::string SrvName(const SrvQuestion& question, std::string_view domain);

// The servers that `records` (as Network::ResolveSrv() sorts them) name, in that order. Left out:
// what is not offered (the target "."), port 0, targets that are no host names.
std::vector<FoundServer> ServersOfSrv(const SrvQuestion& question, const AddressParts& address,
                                      const std::vector<net::SrvRecord>& records);

}  // namespace mailhaul::autodiscover
