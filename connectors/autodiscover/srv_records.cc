#include "connectors/autodiscover/srv_records.h"

#include <array>

#include "connectors/net/host_name.h"

namespace mailhaul::autodiscover {

std::span<const SrvQuestion> SrvQuestions() {
  static constexpr std::array<SrvQuestion, 6> kQuestions = {{
      {"_imaps", Service::kImap, Security::kTls},
      {"_imap", Service::kImap, Security::kStartTls},
      {"_pop3s", Service::kPop3, Security::kTls},
      {"_pop3", Service::kPop3, Security::kStartTls},
      {"_submissions", Service::kSubmission, Security::kTls},
      {"_submission", Service::kSubmission, Security::kStartTls},
  }};
  return kQuestions;
}

std::string SrvName(const SrvQuestion& question, std::string_view domain) {
  return std::string(question.label) + "._tcp." + std::string(domain);
}

std::vector<FoundServer> ServersOfSrv(const SrvQuestion& question, const AddressParts& address,
                                      const std::vector<net::SrvRecord>& records) {
  std::vector<FoundServer> servers;
  for (const net::SrvRecord& record : records) {
    if (record.port == 0 || !net::IsCanonicalName(record.host) || servers.size() == kServersMax) {
      continue;
    }
    FoundServer server;
    server.service = question.service;
    server.address = {record.host, record.port, question.security};
    server.username = address.address;
    server.trusted = IsWithin(record.host, address.domain);
    server.origin = "SRV " + SrvName(question, address.domain);
    servers.push_back(std::move(server));
  }
  return servers;
}

}  // namespace mailhaul::autodiscover
