// Autoconfig files, as anybody's web server may serve them.
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "connectors/autodiscover/autoconfig.h"
#include "connectors/net/host_name.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  namespace autodiscover = mailhaul::autodiscover;
  static const autodiscover::AddressParts kAddress =
      autodiscover::SplitAddress("al%EMAILDOMAIN%ice@example.com").value();
  const std::string_view xml(reinterpret_cast<const char*>(data), size);
  const auto servers = autodiscover::ParseAutoconfig(xml, kAddress, "fuzz");
  if (!servers.ok()) {
    MH_CHECK(servers.status().code() == mailhaul::Code::kProtocol);
    return 0;
  }
  MH_CHECK(servers->size() <= autodiscover::kServersMax);
  for (const autodiscover::FoundServer& server : *servers) {
    MH_CHECK(mailhaul::net::IsCanonicalName(server.address.host));
    MH_CHECK(server.address.port != 0);
    MH_CHECK(server.address.security != mailhaul::Security::kPlaintext);
    MH_CHECK(server.password || server.oauth2);
    MH_CHECK(!server.username.empty());
    MH_CHECK(server.username.size() <= autodiscover::kUserNameBytesMax);
    MH_CHECK(server.username.find_first_of("\r\n") == std::string_view::npos);
  }
  return 0;
}
